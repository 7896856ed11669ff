"""Waiting for files to change (inotify(7))."""

from __future__ import annotations

import ctypes
import os
import select
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.errors import KernelRefused

MODIFY = 0x2
MOVED_TO = 0x80
CREATE = 0x100
MOVE_SELF = 0x800
DELETE_SELF = 0x400

_libc = ctypes.CDLL(None, use_errno=True)


class Watch:
    """An inotify descriptor that says only "something changed"."""

    def __init__(self) -> None:
        self.fd = _checked("inotify_init1", _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK), "")

    def add(self, path: str, mask: int) -> None:
        """Watch `path` too. Raises KernelRefused."""
        result = _libc.inotify_add_watch(self.fd, os.fsencode(path), ctypes.c_uint32(mask))
        _checked("inotify_add_watch", result, path)

    def wait(self, timeout_seconds: float) -> bool:
        """Sleep until something changes, `timeout_seconds` at most; say whether it did."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        if not poll.poll(max(0.0, timeout_seconds) * 1000):
            return False
        self._drain()
        return True

    def _drain(self) -> None:
        try:
            while os.read(self.fd, 65536):
                continue
        except BlockingIOError:
            return


@contextmanager
def watch(path: str, mask: int) -> Iterator[Watch]:
    """Watch `path`; more paths can be added. Raises KernelRefused."""
    watched = Watch()
    try:
        watched.add(path, mask)
        yield watched
    finally:
        os.close(watched.fd)


def _checked(call: str, result: int, path: str) -> int:
    if result < 0:
        raise KernelRefused(call, ctypes.get_errno(), path)
    return result
