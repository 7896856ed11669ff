"""The event loop of the zygote and the shims: descriptors and deadlines, one thread (epoll(7))."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import TypeGuard

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
        self._awaited: dict[int, Callback] = {}
        self._masks: dict[int, int] = {}
        self._timers: list[Timer] = []
        self._running = True

    def watch(self, fd: int, callback: Callback) -> None:
        """Call back whenever `fd` is readable."""
        self._watched[fd] = callback
        self._register(fd)

    def forget(self, fd: int) -> None:
        """Watch `fd` no more; call before closing it. Again is harmless."""
        self._watched.pop(fd, None)
        self._awaited.pop(fd, None)
        self._register(fd)

    def ignore(self, fd: int) -> None:
        """Do not call back when `fd` is readable for now; see `await_room`. Again is harmless."""
        if self._watched.pop(fd, None) is not None:
            self._register(fd)

    def await_room(self, fd: int, callback: Callback) -> None:
        """Call back once, when `fd` takes bytes or nobody will read them any more."""
        self._awaited[fd] = callback
        self._register(fd)

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
            ready = [
                (fd, events, self._watched.get(fd), self._awaited.get(fd))
                for fd, events in self._epoll.poll(self._timeout())
            ]
            for fd, events, readable, room in ready:
                # An earlier callback may have closed it, and the number may be somebody else's now.
                if events & ~select.EPOLLOUT and self._is_due(readable, self._watched.get(fd)):
                    readable()
                if events & ~select.EPOLLIN and self._is_due(room, self._awaited.get(fd)):
                    del self._awaited[fd]
                    self._register(fd)
                    room()
            self._fire()

    def _is_due(self, callback: Callback | None, now: Callback | None) -> TypeGuard[Callback]:
        return callback is not None and callback is now and self._running

    def _register(self, fd: int) -> None:
        """Have the kernel watch for what is wanted of `fd` now; for nothing, not even its end."""
        mask = select.EPOLLIN * (fd in self._watched) | select.EPOLLOUT * (fd in self._awaited)
        known = self._masks.pop(fd, 0)
        if mask:
            self._masks[fd] = mask
        if mask and not known:
            self._epoll.register(fd, mask)
        elif mask and mask != known:
            self._epoll.modify(fd, mask)
        elif known and not mask:
            self._epoll.unregister(fd)

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
