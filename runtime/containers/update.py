"""Change a container's limits and restart policy, once for each operation."""

from __future__ import annotations

from runtime.cgroups.layout import detect
from runtime.cgroups.plan import plan_limits
from runtime.containers import lifecycle
from runtime.containers.hand_over import hand_over, tell
from runtime.containers.plan import refuse_unbuilt
from runtime.containers.plan_resources import resources
from runtime.containers.site import Site
from runtime.errors import Conflict
from runtime.events import ContainerRecord, Sink
from runtime.shim import transitions
from runtime.shim.marks import answer_again
from runtime.shim.protocol import Update
from runtime.spec.amendment import Amendment, changed_fields
from runtime.spec.container import ContainerSpec
from runtime.state import durable, locks, once
from runtime.state.records import Cause


def update(
    site: Site, container: str, amendment: Amendment, *, operation: str, sink: Sink
) -> ContainerRecord:
    """Change what may be changed; see `runtime.engine.Containers.update`.

    Whoever minds the container carries it out: its shim, or where it has none whoever holds the
    verb lock, under which nobody starts it.
    """
    ledger = site.ledger(container)
    ledger.load()
    with locks.hold(site.verb_lock(container)):
        while True:
            mark = once.load(site.directory(container), operation)
            if mark is not None:
                answer_again(mark)
                return ledger.load().record
            record = ledger.load().record
            spec = planned(amendment, record)
            order = Update(container=container, operation=operation, changes=changed_fields(spec))
            if not lifecycle.is_minded(record):
                return _note(site, order, sink)
            try:
                version = hand_over(site, order, "update")
            except Conflict:
                if lifecycle.is_minded(ledger.load().record):
                    raise
            else:
                tell(site, container, action="updated", version=version, sink=sink)
                return ledger.load().record


def planned(amendment: Amendment, record: ContainerRecord) -> ContainerSpec:
    """Return the spec with the changes in it, once all of it can be carried out. InvalidSpec."""
    spec = amendment.applied(ContainerSpec.from_json(record.spec))
    refuse_unbuilt(spec)
    plan_limits(resources(spec.limits), detect())
    return spec


def _note(site: Site, order: Update, sink: Sink) -> ContainerRecord:
    """Write the changes into the record of a container that nobody minds: the next start reads it.

    A caller that died after the record left only the mark undone.
    """
    ledger = site.ledger(order.container)
    if ledger.load().updated != order.operation:
        with durable.told():
            event = ledger.change(
                Cause(action="updated", operation=order.operation),
                lambda state: transitions.updated(state, order.changes, order.operation),
            )
            durable.sync(f"{ledger.directory}/state.json")
        sink.event(event)
    once.finish(ledger.directory, order.operation, result={})
    once.prune(ledger.directory)
    return ledger.load().record
