"""One sampler for each container that somebody watches, shared by all who do.

It holds the newest sample and nothing else: a reader that is slow skips what came between. It has
no thread of its own; whichever reader wants something newer first looks, and the others get that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from runtime.usage import Stats

ASK_SECONDS = 0.25
"""How often a waiting reader asks whether it should stop."""
_DRIFT_SECONDS = 0.02
"""A sample that another reader took this much earlier than wanted will do."""

Look = Callable[[str], Stats]


@dataclass(frozen=True, slots=True)
class Taken:
    """A sample as it is told, and when it was taken (time.monotonic)."""

    at: float
    told: dict[str, Any]


class Sampler:
    """The newest sample of one container."""

    def __init__(self, container: str, look: Look) -> None:
        self._container = container
        self._look = look
        self._changed = threading.Condition()
        self._newest: Taken | None = None
        self.readers = 0

    def after(self, seen: Taken | None, seconds: float, stop: Callable[[], bool]) -> Taken | None:
        """Return a sample `seconds` newer than the one that was seen; None once `stop` says so.

        Whoever has seen none gets one that is no older than that, now. Raises what looking does.
        """
        with self._changed:
            while True:
                now = time.monotonic()
                wanted = now - seconds if seen is None else seen.at + seconds - _DRIFT_SECONDS
                if self._newest is not None and self._newest.at >= wanted:
                    return self._newest
                due = now if seen is None else seen.at + seconds
                if now >= due:
                    self._newest = Taken(now, told(self._look(self._container)))
                    self._changed.notify_all()
                    return self._newest
                if stop():
                    return None
                self._changed.wait(min(due - now, ASK_SECONDS))


class Samplers:
    """The samplers that have readers, by container."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, Sampler] = {}

    @contextmanager
    def reading(self, container: str, look: Look) -> Iterator[Sampler]:
        """Let a reader have the container's sampler; it goes with its last reader."""
        with self._lock:
            sampler = self._open.setdefault(container, Sampler(container, look))
            sampler.readers += 1
        try:
            yield sampler
        finally:
            with self._lock:
                sampler.readers -= 1
                if not sampler.readers:
                    del self._open[container]

    @property
    def watched(self) -> int:
        """How many containers have readers."""
        return len(self._open)


def told(stats: Stats) -> dict[str, Any]:
    """Return a sample as it is told to readers: its time is RFC 3339."""
    plain = stats.to_json()
    return {"time": moment(plain.pop("time_ns")), **plain}


def moment(time_ns: int) -> str:
    """Return nanoseconds since the epoch as RFC 3339 in UTC, to the millisecond."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    day = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{day}.{rest // 1_000_000:03d}Z"
