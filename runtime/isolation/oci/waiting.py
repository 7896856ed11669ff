"""Whether a container waits to be started: its init holds a lock that execve(2) gives up."""

from __future__ import annotations

import fcntl
import os

LOCK = "waiting"
"""The lock's name in the container's directory."""


def is_waiting(directory: str) -> bool:
    """Say whether the init of the container in `directory` has not executed yet."""
    try:
        lock = os.open(f"{directory}/{LOCK}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
