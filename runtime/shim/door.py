"""Accepting connections, also while the process has no descriptor left for one (accept(2))."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

from runtime.shim.loop import Loop

PAUSE_SECONDS = 0.1
"""How long whoever knocks waits before the next try, while there are no descriptors."""
_USED_UP = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Door:
    """Gives each connection of a listening socket to `welcome`, which then owns it."""

    def __init__(
        self, loop: Loop, listener: socket.socket, welcome: Callable[[socket.socket], None]
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._welcome = welcome
        self._open()

    def _open(self) -> None:
        self._loop.watch(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            if error.errno not in _USED_UP:
                raise
            self._loop.forget(self._listener.fileno())  # it stays readable: that would spin
            self._loop.after(PAUSE_SECONDS, self._open)
            return
        self._welcome(connection)
