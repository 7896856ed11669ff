"""The event loop of the zygote and the shims: descriptors and deadlines, one thread (epoll(7))."""

from __future__ import annotations

import select
import time
from collections.abc import Callable

Callback = Callable[[], None]


class Timer:
    """A deadline that can be called off."""

    __slots__ = ("callback", "due")

    def __init__(self, due: float, callback: Callback) -> None:
        self.due = due
        self.callback = callback


class Loop:
    """Calls back when a descriptor is readable (or at its end), and when a time has come."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, Callback] = {}
        self._timers: list[Timer] = []
        self._running = True

    def watch(self, fd: int, callback: Callback) -> None:
        """Call back whenever `fd` is readable."""
        self._watched[fd] = callback
        self._epoll.register(fd, select.EPOLLIN)

    def forget(self, fd: int) -> None:
        """Watch `fd` no more; call before closing it. Again is harmless."""
        if self._watched.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def after(self, seconds: float, callback: Callback) -> Timer:
        """Call back once, `seconds` from now."""
        timer = Timer(time.monotonic() + seconds, callback)
        self._timers.append(timer)
        return timer

    def cancel(self, timer: Timer | None) -> None:
        """Call a timer off. One that fired, or None, is harmless."""
        if timer in self._timers:
            self._timers.remove(timer)

    def stop(self) -> None:
        """Return from `run` after the present callback."""
        self._running = False

    def run(self) -> None:
        """Serve until `stop`."""
        while self._running:
            ready = [(fd, self._watched.get(fd)) for fd, _ in self._epoll.poll(self._timeout())]
            for fd, callback in ready:
                # An earlier callback may have closed it, and the number may be somebody else's now.
                if callback is not None and self._watched.get(fd) is callback and self._running:
                    callback()
            self._fire()

    def _timeout(self) -> float:
        if not self._timers:
            return -1
        return max(0.0, min(timer.due for timer in self._timers) - time.monotonic())

    def _fire(self) -> None:
        now = time.monotonic()
        for timer in [timer for timer in self._timers if timer.due <= now]:
            if timer in self._timers and self._running:
                self._timers.remove(timer)
                timer.callback()
