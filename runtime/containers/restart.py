"""End a container gracefully and start it again, once for each operation."""

from __future__ import annotations

from runtime.containers import lifecycle
from runtime.containers.hand_over import hand_over
from runtime.containers.site import Site
from runtime.containers.start import begin
from runtime.containers.stop import check_grace
from runtime.errors import Conflict, RuntimeFault
from runtime.events import ContainerRecord, Sink
from runtime.shim import protocol
from runtime.shim.marks import answer_again
from runtime.shim.protocol import Restart
from runtime.shim.wishes import restart_of
from runtime.state import durable, locks, once


@durable.told()
def restart(
    site: Site,
    container: str,
    *,
    timeout_seconds: float | None,
    operation: str,
    sink: Sink,
) -> ContainerRecord:
    """Hand the restart over to the shim, or start what does not run; see
    `runtime.engine.Containers.restart`."""
    check_grace(timeout_seconds)
    ledger = site.ledger(container)
    ledger.load()
    order = Restart(container=container, operation=operation, grace_seconds=timeout_seconds)
    while True:
        mark = once.load(site.directory(container), operation)
        if mark is not None:
            answer_again(mark)
        state = ledger.load()
        if mark is not None and (mark.state == "done" or restart_of(state) == operation):
            return state.record
        if mark is not None or not lifecycle.is_minded(state.record):
            return _start(site, container, operation, sink)
        try:
            hand_over(site, order, "restart")
        except Conflict:
            if lifecycle.is_minded(ledger.load().record):
                raise


def _start(site: Site, container: str, operation: str, sink: Sink) -> ContainerRecord:
    """Start what does not run, or finish that for a caller that died: to start again is safe."""
    directory = site.directory(container)
    with locks.hold(site.verb_lock(container)):
        recorded = once.begin(directory, operation)
        if recorded is not None and recorded.state != "begun":
            answer_again(recorded)
            return site.ledger(container).load().record
        try:
            record = begin(site, container, sink=sink)
        except RuntimeFault as fault:
            once.finish(directory, operation, fault=protocol.to_plain(protocol.fault_of(fault)))
            raise
        once.finish(directory, operation, result={})
        return record
