"""The descriptors that a caller hands on to a container's process: `--preserve-fds`, LISTEN_FDS.

Only those that are open are handed on. They are counted before anything is opened here: what takes
a free number among them later is the runtime's own, and is closed.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass

from runtime.cli.arguments import Words

_FIRST = 3


@dataclass(frozen=True, slots=True)
class Inherited:
    """Numbers of the descriptors to hand on; the first `listening` are a service manager's."""

    numbers: tuple[int, ...] = ()
    listening: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """Return what the process is told of them. See sd_listen_fds(3)."""
        if not self.listening:
            return {}
        return {"LISTEN_FDS": str(self.listening), "LISTEN_PID": "1"}


def inherited(words: Words) -> Inherited:
    """Return what was handed over; nothing of our own may be open yet. Raises InvalidSpec."""
    told = os.environ.get("LISTEN_FDS", "")
    listening = int(told) if told.isascii() and told.isdigit() else 0
    return choose(_open_now(), preserve=words.number("--preserve-fds"), listening=listening)


def choose(present: frozenset[int], *, preserve: int, listening: int) -> Inherited:
    """Return which of the open descriptors are handed on: sockets first, then `preserve` more.

    Sockets have no gap between them: they end at the first descriptor that is not open. Pure.
    """
    sockets = 0
    while sockets < listening and _FIRST + sockets in present:
        sockets += 1
    end = _FIRST + sockets + preserve
    return Inherited(tuple(sorted(n for n in present if _FIRST <= n < end)), sockets)


def _open_now() -> frozenset[int]:
    """Return every open descriptor, but for the one that reads the list."""
    return frozenset(int(name) for name in os.listdir("/proc/self/fd") if _is_open(int(name)))


def _is_open(number: int) -> bool:
    try:
        fcntl.fcntl(number, fcntl.F_GETFD)
    except OSError:
        return False
    return True
