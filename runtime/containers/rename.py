"""Give a container another name."""

from __future__ import annotations

from dataclasses import replace

from runtime.containers.site import Site
from runtime.events import ContainerRecord, Sink
from runtime.spec.container import CONTAINER_NAME
from runtime.state import durable
from runtime.state.records import Cause, State


@durable.told()
def rename(site: Site, container: str, *, name: str, sink: Sink) -> ContainerRecord:
    """Change the name in the record's spec; see `runtime.engine.Containers.rename`."""
    CONTAINER_NAME("name", name)
    ledger = site.ledger(container)
    record = ledger.load().record
    if record.spec["name"] == name:
        return record
    event = ledger.change(Cause(action="renamed"), lambda state: _named(state, name))
    sink.event(event)
    return event.record


def _named(state: State, name: str) -> State:
    amended = {**state.amended, "name": name}
    spec = {**state.record.spec, "name": name}
    return replace(state, amended=amended, record=replace(state.record, spec=spec))
