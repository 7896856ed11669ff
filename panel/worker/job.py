"""What a handler is given, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from panel.operations.claim import Claim
from panel.operations.models import Operation
from panel.policy.rules import Ceiling
from panel.worker.door import Engine
from runtime.events import Sink


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A claimed operation and everything it is done with.

    `uploads` is the directory of archives that arrived. `ceiling` reads the node ceiling anew.
    `leftovers` are files that go once the operation's end is recorded, and not before: a takeover
    needs them.
    """

    claim: Claim
    engine: Engine
    sink: Sink
    uploads: str
    ceiling: Callable[[], Ceiling]
    leftovers: list[str] = field(default_factory=list)

    @property
    def operation(self) -> Operation:
        """Return the row as it was when it was claimed."""
        return self.claim.operation


@dataclass(frozen=True, slots=True)
class Done:
    """The operation succeeded with `result`."""

    result: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The container's shim ends the operation, by an event after the record's `version`."""

    version: int


Answer = Done | HandedOver
Handler = Callable[[Job], Answer]
