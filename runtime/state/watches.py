"""Sleeping until something in a directory changes (inotify(7)). Not for the shim: it never waits
for files.

The kernel lets a user have only so many queues (fs.inotify.max_user_instances, 128 by default) and
watches. Where it refuses, sleepers look again every `POLL_SECONDS` instead: later, but still told.
"""

from __future__ import annotations

import errno
import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.abi import IN_CREATE, IN_MODIFY, IN_MOVED_TO
from runtime.errors import KernelRefused
from runtime.kernel import inotify

MODIFY = IN_MODIFY
MOVED_TO = IN_MOVED_TO
CREATE = IN_CREATE

POLL_SECONDS = 0.25
"""How long somebody sleeps at most whom the kernel does not wake."""
_REFUSED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC)


class Watch:
    """Says only that something may have changed, of what it was told to watch."""

    def __init__(self) -> None:
        self._queue: int | None = None
        self._blind = False
        try:
            self._queue = inotify.open_queue()
        except KernelRefused as refused:
            self._do_without(refused)

    def add(self, path: str, mask: int) -> None:
        """Watch `path` too. Raises KernelRefused where there is nothing to watch."""
        if self._queue is None:
            return
        try:
            inotify.add_watch(self._queue, path, mask)
        except KernelRefused as refused:
            self._do_without(refused)

    def wait(self, timeout_seconds: float) -> bool:
        """Sleep until something changes, `timeout_seconds` at most; say whether it may have."""
        if self._queue is None or self._blind:
            time.sleep(max(0.0, min(timeout_seconds, POLL_SECONDS)))
            return True
        poll = select.poll()
        poll.register(self._queue, select.POLLIN)
        if not poll.poll(max(0.0, timeout_seconds) * 1000):
            return False
        while inotify.read_changes(self._queue):
            continue
        return True

    def close(self) -> None:
        """Watch nothing any more."""
        if self._queue is not None:
            os.close(self._queue)
            self._queue = None

    def _do_without(self, refused: KernelRefused) -> None:
        """Look instead of being woken where the kernel has no more queues or watches to give."""
        if refused.errno not in _REFUSED:
            raise refused
        self._blind = True


@contextmanager
def watch(path: str, mask: int) -> Iterator[Watch]:
    """Watch `path`; more paths can be added. Raises KernelRefused where there is no such path."""
    watched = Watch()
    try:
        watched.add(path, mask)
        yield watched
    finally:
        watched.close()
