"""A shim's end of its link with the zygote, which keeps copies of what must outlive the shim."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from typing import Any

from runtime.errors import Unavailable
from runtime.shim import sockets
from runtime.shim.loop import Loop
from runtime.shim.protocol import Client, Launched, Leaving, Message, Prepared, Reaped


class Link:
    """Tells the zygote what the shim holds. Without a zygote it tells nobody, and a new one asks.

    `on_reaped(pid, status)` and `on_client(connection, request)` are called from the loop.
    """

    def __init__(
        self,
        container: str,
        loop: Loop,
        *,
        on_reaped: Callable[[int, int], None],
        on_client: Callable[[socket.socket, Mapping[str, Any]], None],
    ) -> None:
        self._container = container
        self._loop = loop
        self._on_reaped = on_reaped
        self._on_client = on_client
        self._socket: socket.socket | None = None

    @property
    def up(self) -> bool:
        """Whether a zygote listens."""
        return self._socket is not None

    def attach(self, connection: socket.socket) -> None:
        """Talk to the zygote at the other end of `connection` from now on."""
        self.detach()
        connection.setblocking(False)
        self._socket = connection
        self._loop.watch(connection.fileno(), self._hear)

    def detach(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._loop.forget(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def prepared(self, run: int, held: Mapping[str, int], id_base: int | None = None) -> None:
        """Hand over copies of a run's descriptors, before it is launched."""
        names = tuple(held)
        message = Prepared(container=self._container, run=run, names=names, id_base=id_base)
        self._tell(message, list(held.values()))

    def launched(self, run: int, pid: int, pidfd: int) -> None:
        """Hand over the init's pidfd."""
        self._tell(Launched(container=self._container, run=run, pid=pid), [pidfd])

    def leaving(self) -> None:
        """Say that nothing needs to outlive this shim."""
        self._tell(Leaving(container=self._container))

    def _tell(self, message: Message, fds: list[int] | None = None) -> None:
        if self._socket is None:
            return
        try:
            sockets.send(self._socket, message, fds or [])
        except OSError:  # the zygote died, or does not read: a new one will ask
            self.detach()

    def _hear(self) -> None:
        if self._socket is None:
            return
        try:
            received = sockets.receive(self._socket)
        except BlockingIOError:
            return
        except (OSError, Unavailable):
            received = None
        if received is None:
            self.detach()
            return
        message, fds = received
        if isinstance(message, Reaped):
            self._on_reaped(message.pid, message.status)
        elif isinstance(message, Client) and fds:
            self._on_client(socket.socket(fileno=fds.pop()), message.request)
        for fd in fds:
            os.close(fd)
