"""End a container gracefully."""

from __future__ import annotations

from runtime.containers import lifecycle
from runtime.containers.hand_over import hand_over
from runtime.containers.site import Site
from runtime.errors import Conflict, InvalidSpec
from runtime.events import ContainerRecord, Sink
from runtime.shim import transitions
from runtime.shim.protocol import Stop
from runtime.state import durable

_LONGEST_SECONDS = 86_400


@durable.told()
def stop(
    site: Site,
    container: str,
    *,
    timeout_seconds: float | None,
    operation: str | None,
    sink: Sink,  # noqa: ARG001 - its end comes as an event of the shim
) -> ContainerRecord:
    """Hand the stop over to the shim; see `runtime.engine.Containers.stop`."""
    check_grace(timeout_seconds)
    ledger = site.ledger(container)
    order = Stop(container=container, operation=operation, grace_seconds=timeout_seconds)
    record = ledger.load().record
    if lifecycle.is_minded(record):
        try:
            hand_over(site, order, "stop")
        except Conflict:
            ledger.load()  # it ended meanwhile: still held below
    state = ledger.load()
    if state.record.state not in lifecycle.ALIVE and not state.held:
        state = ledger.note(transitions.held)
    return state.record


def check_grace(timeout_seconds: float | None) -> None:
    """Raise InvalidSpec for a grace that is not from 0 to 86400 seconds; None is the spec's own."""
    if timeout_seconds is not None and not 0 <= timeout_seconds <= _LONGEST_SECONDS:
        raise InvalidSpec("timeout_seconds", f"{timeout_seconds} is not from 0 to 86400")
