"""Carry spooled engine events into the database; an event leaves the disk only after its commit."""

from __future__ import annotations

import logging
import threading

from django.db import close_old_connections, connections

from panel.operations.patience import patiently
from panel.operations.settle import settle_from_event
from runtime.engine import Engine

WAIT_SECONDS = 1.0
PAUSE_SECONDS = 1.0

logger = logging.getLogger(__name__)


def relay_until(over: threading.Event, engine: Engine, node: str) -> None:
    """Relay events as they come until `over`; trouble with one round never ends the relay."""
    while not over.is_set():
        try:
            close_old_connections()
            if not relay_pending(engine, node, over):
                engine.events.wait(WAIT_SECONDS)
        except Exception:
            logger.exception("the relay failed; trying again")
            over.wait(PAUSE_SECONDS)
    connections.close_all()


def relay_pending(engine: Engine, node: str, over: threading.Event | None = None) -> int:
    """Relay what waits now and return how many events that were."""
    count = 0
    for spooled in engine.events.pending():
        if over is not None and over.is_set():
            break
        event = spooled.event
        patiently(lambda event=event: settle_from_event(event, node=node))  # type: ignore[misc]
        engine.events.discard(spooled)
        count += 1
    return count
