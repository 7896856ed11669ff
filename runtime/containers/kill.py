"""Signal a container's first process."""

from __future__ import annotations

from runtime.containers.hand_over import hand_over, recorded, tell
from runtime.containers.plan import signal_number
from runtime.containers.site import Site
from runtime.events import ContainerRecord, Sink
from runtime.shim.protocol import Kill
from runtime.state import durable


@durable.told()
def kill(
    site: Site, container: str, *, signal: str, operation: str | None, sink: Sink
) -> ContainerRecord:
    """Send a signal, once for each operation; see `runtime.engine.Containers.kill`."""
    number = signal_number("signal", signal)
    ledger = site.ledger(container)
    record = ledger.load().record
    if operation is not None and recorded(site, container, operation) is not None:
        return record
    order = Kill(container=container, operation=operation, signal=number)
    version = hand_over(site, order, "kill")
    tell(site, container, action="killed", version=version, sink=sink)
    return ledger.load().record
