"""Sleeping until something in a directory changes (inotify(7)). Not for the shim: it never waits
for files."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.abi import IN_CREATE, IN_MODIFY, IN_MOVED_TO
from runtime.kernel import inotify

MODIFY = IN_MODIFY
MOVED_TO = IN_MOVED_TO
CREATE = IN_CREATE


class Watch:
    """Says only that something changed, of what it was told to watch."""

    def __init__(self) -> None:
        self._queue = inotify.open_queue()

    def add(self, path: str, mask: int) -> None:
        """Watch `path` too. Raises KernelRefused."""
        inotify.add_watch(self._queue, path, mask)

    def wait(self, timeout_seconds: float) -> bool:
        """Sleep until something changes, `timeout_seconds` at most; say whether it did."""
        poll = select.poll()
        poll.register(self._queue, select.POLLIN)
        if not poll.poll(max(0.0, timeout_seconds) * 1000):
            return False
        while inotify.read_changes(self._queue):
            continue
        return True

    def close(self) -> None:
        """Watch nothing any more."""
        os.close(self._queue)


@contextmanager
def watch(path: str, mask: int) -> Iterator[Watch]:
    """Watch `path`; more paths can be added. Raises KernelRefused."""
    watched = Watch()
    try:
        watched.add(path, mask)
        yield watched
    finally:
        watched.close()
