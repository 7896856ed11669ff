"""Carry spooled engine events into the database; an event leaves the disk only after its commit."""

from __future__ import annotations

import logging
import threading
from functools import partial

from django.db import close_old_connections, connections

from panel.operations.patience import patiently
from panel.operations.settle import is_settled, settle_from_event
from runtime.engine import Engine
from runtime.events import ContainerEvent

WAIT_SECONDS = 1.0
PAUSE_SECONDS = 1.0
HEAD_START_SECONDS = 0.02
"""What a worker gets to bring its own events in: two at the same rows make each other wait."""
BROUGHT_BY_WORKERS = frozenset({"created", "started", "deleted"})

logger = logging.getLogger(__name__)


def relay_until(over: threading.Event, engine: Engine, node: str) -> None:
    """Relay events as they come until `over`; trouble with one never holds up the others."""
    while not over.is_set():
        try:
            _turn(over, engine, node)
        except Exception:
            logger.exception("the relay failed; trying again")
            over.wait(PAUSE_SECONDS)
    connections.close_all()


def _turn(over: threading.Event, engine: Engine, node: str) -> None:
    """Relay what waits; sleep where nothing did, or where something failed."""
    close_old_connections()
    relayed, failed = relay_pending(engine, node, over)
    if failed:
        over.wait(PAUSE_SECONDS)
    elif not relayed and engine.events.wait(WAIT_SECONDS) and _can_wait(engine):
        over.wait(HEAD_START_SECONDS)


def _settle(event: ContainerEvent, node: str) -> None:
    """Take an event in, unless its worker has: a writer makes all others wait."""
    if not is_settled(event):
        settle_from_event(event, node=node)


def _can_wait(engine: Engine) -> bool:
    """Say whether all that waits is what workers bring in too."""
    return all(one.event.action in BROUGHT_BY_WORKERS for one in engine.events.pending())


def relay_pending(
    engine: Engine, node: str, over: threading.Event | None = None
) -> tuple[int, int]:
    """Relay what waits now and return how many events were relayed and how many failed.

    An event that fails stays on disk; the others do not need it, for they come in any order.
    """
    relayed = failed = 0
    for spooled in engine.events.pending():
        if over is not None and over.is_set():
            break
        try:
            patiently(partial(_settle, spooled.event, node))
        except Exception:
            logger.exception("event %s stays on disk", spooled.name)
            failed += 1
            continue
        engine.events.discard(spooled)
        relayed += 1
    return relayed, failed
