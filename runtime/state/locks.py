"""Locks between processes and threads, freed by the kernel with a dead owner (flock(2)).

Each holder opens its own file, so that two threads of one process exclude each other as well.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.errors import NotFound, Unavailable


@contextmanager
def hold(path: str, *, wait: bool = True, shared: bool = False) -> Iterator[int]:
    """Hold the lock at `path`, made where it lacks. Yields its descriptor.

    Raises Unavailable where `wait` is false and somebody else has it, NotFound where the directory
    (a container's) is gone, also when it went while this waited.
    """
    fd = acquire(path, wait=wait, shared=shared)
    try:
        yield fd
    finally:
        os.close(fd)


def acquire(path: str, *, wait: bool = True, shared: bool = False) -> int:
    """Take the lock at `path` and return its descriptor; closing that gives it back."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:
        raise NotFound("container", _owner(path)) from None
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(fd, kind if wait else kind | fcntl.LOCK_NB)
        _still_there(path, fd)
    except BlockingIOError:
        os.close(fd)
        raise Unavailable(f"{path} is locked") from None
    except BaseException:
        os.close(fd)
        raise
    return fd


def _still_there(path: str, fd: int) -> None:
    """A directory that was moved away took its lock along: whoever waited for it waited in vain."""
    try:
        same = os.stat(path, follow_symlinks=False).st_ino == os.fstat(fd).st_ino
    except FileNotFoundError:
        same = False
    if not same:
        raise NotFound("container", _owner(path))


def _owner(path: str) -> str:
    return os.path.basename(os.path.dirname(path))
