"""Giving an order to a container's shim, also while that is being replaced."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

from runtime.containers import lifecycle
from runtime.containers.site import Site
from runtime.errors import Conflict, Interrupted, Unavailable
from runtime.events import ContainerEvent, OnceRecord, Sink
from runtime.shim import client
from runtime.shim.marks import answer_again
from runtime.shim.protocol import (
    Attach,
    Execute,
    Kill,
    OpenSession,
    Pause,
    Restart,
    Resume,
    Stop,
    Update,
)
from runtime.state import once
from runtime.state.records import Cause, event_of

Order = Stop | Restart | Kill | Execute | OpenSession | Pause | Resume | Update
PATIENCE_SECONDS = 15.0
_AGAIN_SECONDS = 0.02

Answer = TypeVar("Answer")


def hand_over(site: Site, message: Order, verb: str) -> int | None:
    """Have the shim carry out `message`; return the record's version if that changed it.

    A dead shim gets a successor first. Raises Conflict as soon as the container is in no state
    for `verb` or ended by itself, Unavailable where no shim comes up, and what the shim refused
    with.
    """
    return _asked(
        site,
        message.container,
        verb,
        lambda: client.ask_shim(site.config, message.container, message),
    )


def converse(site: Site, message: Attach) -> socket.socket:
    """Return a connection over which a session is conversed with. Raises as `hand_over`."""
    return _asked(site, message.container, "attach", lambda: client.attach(site.config, message))


def _asked(site: Site, container: str, verb: str, ask: Callable[[], Answer]) -> Answer:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        record = site.ledger(container).load().record
        lifecycle.after(record.state, verb, restarting=record.restarting, container=container)
        try:
            return ask()
        except ConnectionError:
            if time.monotonic() > deadline:
                raise Unavailable(f"container {container} has no shim") from None
        record = site.ledger(container).load().record
        if not lifecycle.is_minded(record):
            raise Conflict(f"container {container} is {record.state}: it ended by itself")
        site.zygote.repair(container)
        time.sleep(_AGAIN_SECONDS)


def recorded(site: Site, container: str, operation: str) -> OnceRecord | None:
    """Return what is recorded of a once operation that needs no shim any more; None to go on.

    Raises what it was refused with, Interrupted.
    """
    mark = once.load(site.directory(container), operation)
    if mark is None:
        return None
    if mark.state == "begun" and not client.shim_lives(site.config, container):
        raise Interrupted(f"operation {operation} was cut short, its effect is unknown")
    answer_again(mark)
    return mark


def tell(site: Site, container: str, *, action: str, version: int | None, sink: Sink) -> None:
    """Give the sink the event of a change that the shim made, unless the record went on since."""
    record = site.ledger(container).load().record
    if version is not None and record.version == version:
        event: ContainerEvent = event_of(Cause(action=action), record)
        sink.event(event)
