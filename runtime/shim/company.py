"""Further processes in a container besides its first: begun in the run that is on, told of at their
end. What kind they are is their own module's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime.isolation.launch import Launched
from runtime.isolation.terminal import Terminal
from runtime.shim.body import Body
from runtime.shim.chronicle import Chronicle
from runtime.shim.conduct import Conduct
from runtime.shim.executions import Executions
from runtime.shim.leftover import Leftover
from runtime.shim.loop import Loop
from runtime.shim.marks import Marks
from runtime.shim.probes import Probes
from runtime.shim.run import Run
from runtime.shim.sessions import Sessions, Take
from runtime.state import boot
from runtime.state.records import Cause


class Company:
    """The execs and sessions of one container, and the `probes` of its health check."""

    def __init__(
        self, loop: Loop, marks: Marks, ledger: Chronicle, body: Body, conduct: Conduct
    ) -> None:
        self._ledger = ledger
        self._body = body
        self._marks = marks
        self._executions = Executions(loop, marks, ended=self._ended)
        self._sessions = Sessions(loop, marks, ended=self._ended)
        leftover = Leftover(conduct.bundle.state_dir, boot.boot_id())
        self.probes = Probes(conduct.check, loop, ledger, body, leftover)

    def execute(self, run: Run, operation: str, spec: Mapping[str, Any]) -> None:
        """Start a process whose output is kept, once for each operation."""

        def join(stdio: tuple[int, int, int]) -> Launched:
            return self._body.join(run, spec, stdio)

        self._executions.begin(operation, join)

    def open_session(self, run: Run, operation: str, spec: Mapping[str, Any]) -> None:
        """Start a process to converse with, once for each operation."""

        def join(stdio: tuple[int, int, int], terminal: Terminal | None) -> Launched:
            return self._body.join(run, spec, stdio, terminal=terminal)

        self._sessions.begin(operation, spec, join)

    def reach(self, session: str, offset: int) -> Take:
        """Return what converses with a session's reader. Raises NotFound, Unavailable."""
        return self._sessions.reach(session, offset)

    def finish_all(self) -> None:
        """Record the ends of all that is left: their container ended."""
        self.probes.over()
        self._executions.finish_all()
        self._sessions.end_all()

    def interrupt_all(self, *, but: str | None) -> None:
        """Record that what a dead shim had begun has an unknown outcome, `but` one that goes on."""
        for operation in self._marks.begun():
            if operation == but:
                continue
            self._marks.finish(operation, interrupted=True)
            self._ended(operation, None)

    def _ended(self, operation: str, result: Mapping[str, Any] | None) -> None:
        cause = Cause(action="exec-finished", operation=operation, result=result)
        self._ledger.change(cause, lambda state: state)
