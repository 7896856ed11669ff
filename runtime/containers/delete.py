"""Remove a container and everything it wrote."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import replace

from runtime.containers import lifecycle, trash
from runtime.containers.hand_over import hand_over
from runtime.containers.site import Site
from runtime.containers.wait import wait
from runtime.errors import Conflict
from runtime.events import Sink
from runtime.shim.protocol import Kill
from runtime.state import durable, locks
from runtime.state.records import Cause, State

_SIGKILL = 9
_END_SECONDS = 60.0


@durable.told()
def delete(site: Site, container: str, *, force: bool, sink: Sink) -> None:
    """Remove a container; see `runtime.engine.Containers.delete`."""
    ledger = site.ledger(container)
    ledger.load()
    with locks.hold(site.verb_lock(container)):
        state = ledger.load()
        verb = "delete by force" if force else "delete"
        record = state.record
        lifecycle.after(record.state, verb, restarting=record.restarting, container=container)
        if lifecycle.is_minded(record):
            _end(site, container)
        clear(site, container)
        name = _throw_away(site, container, sink)
    with suppress(OSError):  # the container is gone: recovery removes the rest, and tells of it
        trash.empty(site.trash, name)


def clear(site: Site, container: str) -> None:
    """Remove a container's run directory: a socket at most is in it, all of it ours."""
    shutil.rmtree(site.config.container_run(container), ignore_errors=True)


def _end(site: Site, container: str) -> None:
    try:
        hand_over(site, Kill(container=container, operation=None, signal=_SIGKILL), "kill")
    except Conflict:
        return  # it ended by itself
    wait(site, container, timeout_seconds=_END_SECONDS)


def _throw_away(site: Site, container: str, sink: Sink) -> str:
    """Take the container's name off; from then on there is no such container."""
    name = f"{container}-{os.urandom(4).hex()}"
    event = site.ledger(container).finish(Cause(action="deleted"), _dead, f"{site.trash}/{name}")
    sink.event(event)
    return name


def _dead(state: State) -> State:
    return replace(state, record=replace(state.record, state="dead", restarting=False))
