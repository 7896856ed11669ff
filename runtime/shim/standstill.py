"""Whether a container stands still: in the kernel, and in its record.

The record is written after the kernel did it. A shim that dies in between leaves the two apart;
its successor brings the kernel back to what the record says, and the order may be given again.
"""

from __future__ import annotations

from runtime.errors import Conflict, RuntimeFault
from runtime.shim import transitions
from runtime.shim.body import Body
from runtime.shim.chronicle import Chronicle
from runtime.shim.probes import Probes
from runtime.state.records import Cause, State

PAUSED = "paused"


class Standstill:
    """Freezes and thaws a running container, and keeps its probes from running meanwhile.

    Each call returns the record's version if changed.
    """

    def __init__(self, ledger: Chronicle, body: Body, probes: Probes) -> None:
        self._ledger = ledger
        self._body = body
        self._probes = probes

    def pause(self) -> int | None:
        """Freeze it, unless it is. Raises Conflict while it is being stopped, Unavailable."""
        state = self._ledger.load()
        if state.record.state == PAUSED:
            return None
        if state.stopping is not None:
            raise Conflict(f"container {state.record.id} is being stopped: it cannot be paused")
        self._probes.hold()
        try:
            return self._freeze()
        except BaseException:
            self._probes.go_on()
            raise

    def resume(self) -> int | None:
        """Thaw it, if it is frozen."""
        if self._ledger.load().record.state != PAUSED:
            return None
        self._body.thaw()
        self._probes.go_on()
        return self._ledger.change(Cause(action="resumed"), transitions.resumed).record.version

    def restore(self, state: State) -> None:
        """Bring the kernel to what the record says, for a shim that died in between.

        What cannot be frozen again goes on, and the record says so.
        """
        if state.record.state != PAUSED:
            self._body.thaw()
            return
        self._probes.hold()
        try:
            self._body.freeze()
        except RuntimeFault:
            self._probes.go_on()
            self._ledger.change(Cause(action="resumed"), transitions.resumed)

    def refuse(self, container: str) -> None:
        """Raise Conflict if the container is paused: a process put into it would never begin."""
        if self._ledger.load().record.state == PAUSED:
            raise Conflict(f"container {container} is paused: resume it first")

    def _freeze(self) -> int:
        self._body.freeze()
        try:
            event = self._ledger.change(Cause(action="paused"), transitions.paused, needed=True)
        except BaseException:
            self._body.thaw()
            raise
        return event.record.version
