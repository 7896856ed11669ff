"""Changes of a container's limits and restart policy while its shim minds it.

The kernel comes first and the record second, and the record is what counts. A shim that dies in
between leaves the kernel ahead; its successor brings it back to the record, so the change has not
happened, and whoever asked asks again. One that dies after the record left only the mark undone,
which the record makes good: it names the operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime.errors import RuntimeFault
from runtime.shim import protocol, transitions
from runtime.shim.body import Body
from runtime.shim.chronicle import Chronicle
from runtime.shim.conduct import Conduct
from runtime.shim.marks import Marks, answer_again
from runtime.state import durable, schema
from runtime.state.records import Cause, amended_in


class Amendments:
    """Holds the conduct of one container as it is now, and changes it."""

    def __init__(self, conduct: Conduct, ledger: Chronicle, marks: Marks, body: Body) -> None:
        self.conduct = conduct
        self._ledger = ledger
        self._marks = marks
        self._body = body

    def update(self, operation: str, changes: Mapping[str, Any]) -> int | None:
        """Take fields of the spec over, once for each operation; return the record's version.

        Raises what refused it, the same again for the same operation; then all is as it was.
        """
        if self._is_over(operation):
            return None
        try:
            version = self._carry_out(operation, changes)
        except RuntimeFault as fault:
            self._marks.finish(operation, fault=protocol.to_plain(protocol.fault_of(fault)))
            raise
        self._marks.finish(operation, result={})
        return version

    def restore(self) -> None:
        """Bring the kernel to what the record says, for a shim that died in between."""
        self._body.limit_again(self.conduct.bundle.resources)

    def _is_over(self, operation: str) -> bool:
        recorded = self._marks.load(operation)
        if recorded is not None:
            answer_again(recorded)
            return True
        if self._ledger.load().updated != operation:
            return False
        self._marks.finish(operation, result={})
        return True

    def _carry_out(self, operation: str, changes: Mapping[str, Any]) -> int:
        before, after = self.conduct, self.conduct.amended(changes)
        self._body.limit(after.bundle.resources)
        try:
            event = self._ledger.change(
                Cause(action="updated", operation=operation),
                lambda state: transitions.updated(state, changes, operation),
                needed=True,
            )
        except BaseException:
            self._body.limit_again(before.bundle.resources)
            raise
        self.conduct = after
        self._ledger.sync()
        return event.record.version


def conduct_of(directory: str) -> Conduct:
    """Return how to mind the container of `directory`, with what was changed since its creation."""
    path = f"{directory}/config.json"
    conduct = Conduct.from_json(schema.decode(durable.read(path), path))
    try:
        return conduct.amended(amended_in(directory))
    except (OSError, RuntimeFault):
        return conduct  # nothing is launched without the record: whoever asks for it is told
