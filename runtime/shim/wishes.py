"""What was asked of a container and comes true when its run has ended: a stop, or a restart.

A wish is written down before anything is done for it, so a successor goes on with it. Of a restart
the mark (runtime.state.once) is begun after that and before the signal; it is done before the
record says that the container runs again, so that nobody finds it begun without its wish.
"""

from __future__ import annotations

from dataclasses import replace

from runtime.errors import Conflict, RuntimeFault
from runtime.shim import protocol, transitions
from runtime.shim.chronicle import Chronicle
from runtime.shim.marks import Marks, answer_again
from runtime.state.records import State


class Wishes:
    """The wish of one container, kept beside its record."""

    def __init__(self, marks: Marks, ledger: Chronicle) -> None:
        self._marks = marks
        self._ledger = ledger

    @property
    def restart(self) -> str | None:
        """Return the operation whose restart is under way."""
        return restart_of(self._ledger.load())

    def stop(self, operation: str | None, deadline_ns: int) -> None:
        """Wish for its end; SIGKILL is due at `deadline_ns` of CLOCK_BOOTTIME."""
        self.drop()
        self._ledger.note(lambda state: transitions.stopping(state, operation, deadline_ns))

    def again(self, operation: str, deadline_ns: int) -> bool:
        """Wish for a restart; False where this operation did so before.

        Raises Conflict while it is being stopped or restarted, what the operation came to, and
        OSError: then there is no wish.
        """
        recorded = self._marks.load(operation)
        if recorded is not None:
            answer_again(recorded)
            return False
        state = self._ledger.load()
        if state.stopping is not None:
            doing = "restarted" if state.stopping.again else "stopped"
            raise Conflict(f"container {state.record.id} is being {doing}: ask again when it is")
        self._ledger.note(
            lambda old: transitions.stopping(old, operation, deadline_ns, again=True), needed=True
        )
        try:
            return self._marks.begin(operation)
        except OSError:
            self._ledger.note(lambda old: replace(old, stopping=None, held=state.held))
            raise

    def drop(self) -> None:
        """Give up a restart that is under way: somebody wants the container ended."""
        operation = self.restart
        if operation is not None:
            self._ledger.note(_no_more)
            self._marks.finish(operation, interrupted=True)

    def fulfil(self) -> str | None:
        """Mark the restart done: its process runs, the record follows. Return its operation."""
        operation = self.restart
        if operation is not None:
            self._marks.finish(operation, result={})
        return operation

    def refuse(self, fault: RuntimeFault) -> dict[str, object] | None:
        """Mark the restart refused, and return its fault as plain data; None where it was none."""
        operation = self.restart
        if operation is None:
            return None
        plain = protocol.to_plain(protocol.fault_of(fault))
        self._ledger.note(_no_more)
        self._marks.finish(operation, fault=plain)
        return plain


def restart_of(state: State) -> str | None:
    """Return the operation whose restart is under way."""
    wish = state.stopping
    return wish.operation if wish is not None and wish.again else None


def _no_more(state: State) -> State:
    wish = state.stopping
    return replace(state, stopping=None if wish is None else replace(wish, again=False))
