"""The reconciler's rounds: every few seconds and at the start, make good what was lost."""

from __future__ import annotations

import logging
import threading

from django.db import close_old_connections, connections

from panel.agent.uploads import drop_abandoned
from panel.inventory.nodes import project_node
from panel.operations.reconcile import reconcile
from runtime.engine import Engine

EVERY_SECONDS = 5.0

logger = logging.getLogger(__name__)


def reconcile_until(over: threading.Event, engine: Engine, node: str, uploads: str) -> None:
    """Do rounds until `over`; a round that fails is logged and the next one comes in time."""
    while not over.is_set():
        try:
            close_old_connections()
            one_round(engine, node, uploads)
        except Exception:
            logger.exception("a round of the reconciler failed; the next one tries again")
        over.wait(EVERY_SECONDS)
    connections.close_all()


def one_round(engine: Engine, node: str, uploads: str) -> None:
    """Repair the engine's own leftovers, then bring the database in line with it."""
    for sentence in engine.containers.recover():
        logger.warning("repaired: %s", sentence)
    project_node(node, instance=engine.instance, facts={})
    found = reconcile(engine, node=node)
    if any((found.rung, found.projected, found.settled)):
        logger.info("reconciled: %s", found)
    drop_abandoned(uploads)
