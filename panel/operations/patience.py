"""Try a short piece of database work again while the database is busy."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections

Answer = TypeVar("Answer")
PATIENCE_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0

logger = logging.getLogger(__name__)


def patiently(work: Callable[[], Answer], *, seconds: float = PATIENCE_SECONDS) -> Answer:
    """Return what `work` returns; repeat it while the database is locked or away.

    `work` has to be a transaction of its own, or one statement. Raises OperationalError or
    InterfaceError when `seconds` are over. For root's processes; the web process answers 503.
    """
    deadline = time.monotonic() + seconds
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return work()
        except (OperationalError, InterfaceError) as busy:
            if time.monotonic() + pause > deadline:
                raise
            logger.warning("database busy, trying again: %s", busy)
        close_old_connections()
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
