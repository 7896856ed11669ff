"""What can be asked of a further process in a running container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from runtime.errors import InvalidSpec
from runtime.spec import fields

OUTPUT_LIMIT = 1024 * 1024
"""Bytes kept of each of stdout and stderr of an exec; the rest is read and dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecSpec:
    """Run `command` in the container's namespaces; the rest defaults to the container's own."""

    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    working_dir: str | None = None

    def __post_init__(self) -> None:
        if not fields.strings("command", self.command):
            raise InvalidSpec("command", "is empty")
        object.__setattr__(
            self, "env", MappingProxyType(dict(fields.text_mapping("env", self.env)))
        )
        if self.user is not None:
            fields.text("user", self.user)
        directory = self.working_dir
        if directory is not None and not fields.text("working_dir", directory).startswith("/"):
            raise InvalidSpec("working_dir", f"{directory!r} is not absolute")

    def to_json(self) -> dict[str, Any]:
        """Return plain data; `from_json` is its inverse."""
        return {
            "command": list(self.command),
            "env": dict(self.env),
            "user": self.user,
            "working_dir": self.working_dir,
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> ExecSpec:
        """Parse untrusted data. Raises InvalidSpec naming the field, also for unknown fields."""
        for name in plain:
            if name not in cls.__dataclass_fields__:
                raise InvalidSpec(str(name), "there is no such field")
        if "command" not in plain:
            raise InvalidSpec("command", "is required")
        return cls(**{**plain, "command": fields.strings("command", plain["command"])})
