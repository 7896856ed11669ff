"""The marks of a container's once operations (runtime.state.once), as its shim makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runtime.errors import Interrupted, RuntimeFault
from runtime.events import OnceRecord
from runtime.shim import protocol
from runtime.shim.chronicle import Chronicle
from runtime.state import durable, once


class Marks:
    """Begun before an effect, finished after it; the end waits where the disk is full."""

    def __init__(self, directory: str, chronicle: Chronicle) -> None:
        self._directory = directory
        self._chronicle = chronicle

    def begin(self, operation: str, *, needed: bool = True) -> bool:
        """Mark an operation begun; False where it did its work before.

        Raises what it came to then, Interrupted, OSError. Unless the mark is `needed`, a full disk
        does not stop an effect that harms nothing twice.
        """
        try:
            recorded = once.begin(self._directory, operation)
        except OSError as error:
            if needed or not durable.is_full(error):
                raise
            return True
        if recorded is not None:
            answer_again(recorded)
        return recorded is None

    def attempt(
        self,
        operation: str,
        effect: Callable[[], int | None],
        *,
        needed: bool = True,
        goes_on: bool = True,
    ) -> int | None:
        """Begin an operation and have its effect; None where it did its work before.

        A refusal is recorded and raised, the same again for the same operation. What `goes_on` is
        finished by whoever minds it. `needed` is as for `begin`.
        """
        if not self.begin(operation, needed=needed):
            return None
        try:
            with durable.told():
                version = effect()
        except RuntimeFault as fault:
            self.finish(operation, fault=protocol.to_plain(protocol.fault_of(fault)))
            raise
        if not goes_on:
            self.finish(operation, result={})
        return version

    def finish(
        self,
        operation: str,
        *,
        result: Mapping[str, Any] | None = None,
        fault: Mapping[str, Any] | None = None,
        interrupted: bool = False,
    ) -> None:
        """Record how an operation ended."""
        self._chronicle.keep(
            lambda: once.finish(
                self._directory, operation, result=result, fault=fault, interrupted=interrupted
            )
        )
        self._chronicle.keep(lambda: once.prune(self._directory))

    def load(self, operation: str) -> OnceRecord | None:
        """Return what is recorded of an operation, or None if it never began."""
        return once.load(self._directory, operation)

    def begun(self) -> list[str]:
        """Return the operations that began and did not end."""
        return once.begun(self._directory)


def answer_again(recorded: OnceRecord) -> None:
    """Answer a repeat: raise the fault or the interruption that is recorded; else it is fine."""
    if recorded.state == "interrupted":
        raise Interrupted(f"operation {recorded.operation} was cut short, its effect is unknown")
    if recorded.fault is not None:
        fault = protocol.from_plain(recorded.fault)
        if isinstance(fault, protocol.Fault):
            raise protocol.error_of(fault)
