"""Run a container's command."""

from __future__ import annotations

from runtime.containers import lifecycle
from runtime.containers.hand_over import tell
from runtime.containers.site import Site
from runtime.events import ContainerRecord, Sink
from runtime.state import boot, durable, locks


@durable.told()
def start(site: Site, container: str, *, sink: Sink) -> ContainerRecord:
    """Run the command, unless it runs; see `runtime.engine.Containers.start`."""
    ledger = site.ledger(container)
    ledger.load()
    with locks.hold(site.verb_lock(container)):
        return begin(site, container, sink=sink)


@durable.told()
def begin(site: Site, container: str, *, sink: Sink) -> ContainerRecord:
    """Do it, for a caller that holds the verb lock."""
    ledger = site.ledger(container)
    state = ledger.load()
    if state.record.state in lifecycle.ALIVE and state.boot == boot.boot_id():
        lifecycle.after(state.record.state, "start", container=container)
        return state.record
    version = site.zygote.start(container)
    tell(site, container, action="started", version=version, sink=sink)
    return ledger.load().record
