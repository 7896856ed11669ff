"""The reconciler's rounds: every few seconds and at the start, make good what was lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from django.db import close_old_connections, connections

from panel.agent.uploads import drop_abandoned
from panel.inventory.nodes import project_node
from panel.operations.reconcile import is_awaited, reconcile
from runtime.engine import Engine

EVERY_SECONDS = 5.0

logger = logging.getLogger(__name__)


def reconcile_until(over: threading.Event, engine: Engine, node: str, uploads: str) -> None:
    """Do rounds until `over`."""
    while not over.is_set():
        _taken(close_old_connections)
        one_round(engine, node, uploads)
        over.wait(EVERY_SECONDS)
    connections.close_all()


def one_round(engine: Engine, node: str, uploads: str) -> int:
    """Repair the engine's leftovers, then bring the database in line with it; count what failed.

    A step that fails is logged and does not keep the next ones from being taken: operations are
    rung again even where something on the host cannot be repaired.
    """
    steps: tuple[Callable[[], object], ...] = (
        partial(_recover, engine),
        partial(project_node, node, instance=engine.instance, facts={}),
        partial(_reconcile, engine, node),
        partial(drop_abandoned, uploads),
    )
    return sum(not _taken(step) for step in steps)


def _taken(step: Callable[[], object]) -> bool:
    try:
        step()
    except Exception:
        logger.exception("a step of the reconciler failed; the next round tries again")
        return False
    return True


def _recover(engine: Engine) -> None:
    for sentence in engine.containers.recover(busy=is_awaited):
        logger.warning("repaired: %s", sentence)


def _reconcile(engine: Engine, node: str) -> None:
    found = reconcile(engine, node=node)
    if any((found.rung, found.projected, found.settled)):
        logger.info("reconciled: %s", found)
