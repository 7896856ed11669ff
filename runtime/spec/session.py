"""What can be asked of an interactive process in a running container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime.errors import InvalidSpec
from runtime.spec import fields
from runtime.spec.execution import ExecSpec

LARGEST_SIZE = 65_535
_OWN = ("tty", "rows", "columns")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpec:
    """Run `process` with streams that somebody converses over.

    With `tty` they are a terminal of `rows` by `columns` characters, else three pipes.
    """

    process: ExecSpec
    tty: bool = True
    rows: int = 24
    columns: int = 80

    def __post_init__(self) -> None:
        fields.flag("tty", self.tty)
        for name in ("rows", "columns"):
            value = getattr(self, name)
            fields.count(name, value, LARGEST_SIZE)
            if value == 0:
                raise InvalidSpec(name, "is 0: a terminal has at least one")

    def to_json(self) -> dict[str, Any]:
        """Return plain data; `from_json` is its inverse."""
        own = {name: getattr(self, name) for name in _OWN}
        return {**self.process.to_json(), **own}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> SessionSpec:
        """Parse untrusted data. Raises InvalidSpec naming the field, also for unknown fields.

        `privileged` may only be false: a session never has more than its container.
        """
        given = dict(plain)
        if given.pop("privileged", False) is not False:
            raise InvalidSpec("privileged", "a session has the privileges of its container")
        own = {name: given.pop(name) for name in _OWN if name in given}
        return cls(process=ExecSpec.from_json(given), **own)
