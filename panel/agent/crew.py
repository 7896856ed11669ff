"""Threads that go on together: where one ends, the agent does."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Crew:
    """Threads that work until `over` is set. One that ends before sets it, and counts as lost."""

    def __init__(self, over: threading.Event) -> None:
        self._over = over
        self._threads: list[threading.Thread] = []
        self.lost: list[str] = []
        """The names of those that ended although nobody had told them to."""

    def start(self, name: str, work: Callable[[], object]) -> None:
        """Start a thread that does `work`, which is to return once `over` is set."""
        thread = threading.Thread(target=self._mind, args=(name, work), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def join(self, *, timeout_seconds: float) -> None:
        """Wait for all to end, `timeout_seconds` at most altogether."""
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _mind(self, name: str, work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException:
            logger.exception("the %s failed", name)
        if not self._over.is_set():
            logger.critical("the %s ended by itself; the agent ends too, to be started again", name)
            self.lost.append(name)
            self._over.set()
