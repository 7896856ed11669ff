"""Being told of changes in a directory: inotify(7)."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from runtime.kernel.libc import call

_HEADER = struct.Struct("iIII")
_BUFFER = 65_536


@dataclass(frozen=True, slots=True)
class Change:
    """One event: the watch it belongs to, its mask (`IN_*` of abi) and the entry's name."""

    watch: int
    mask: int
    name: str


def open_queue() -> int:
    """Return a new event queue, non-blocking and close-on-exec. See inotify_init1(2)."""
    return call("inotify_init1", os.O_CLOEXEC | os.O_NONBLOCK)


def add_watch(queue: int, path: str, mask: int) -> int:
    """Watch `path` for the events in `mask`; returns the watch. See inotify_add_watch(2)."""
    return call("inotify_add_watch", queue, os.fsencode(path), mask, path=path)


def remove_watch(queue: int, watch: int) -> None:
    """Stop a watch. See inotify_rm_watch(2)."""
    call("inotify_rm_watch", queue, watch)


def read_changes(queue: int) -> list[Change]:
    """Return what has happened since the last read, oldest first; empty when nothing has.

    A change whose mask has IN_Q_OVERFLOW means that the kernel dropped some: look for yourself.
    """
    try:
        data = os.read(queue, _BUFFER)
    except BlockingIOError:
        return []
    changes = []
    at = 0
    while at < len(data):
        watch, mask, _cookie, length = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        name = os.fsdecode(data[at : at + length].rstrip(b"\0"))
        changes.append(Change(watch, mask, name))
        at += length
    return changes
