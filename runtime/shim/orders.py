"""The shim's counter: takes engines' requests from its socket, answers each with Done or Fault."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any, Protocol

from runtime.errors import RuntimeFault, Unavailable
from runtime.shim import protocol, sockets
from runtime.shim.amendments import Amendments
from runtime.shim.door import Door
from runtime.shim.loop import Loop
from runtime.shim.protocol import (
    Adopt,
    Attach,
    Done,
    Execute,
    Kill,
    Message,
    OpenSession,
    Pause,
    Restart,
    Resume,
    Start,
    Stop,
    Update,
)
from runtime.shim.sessions import Take
from runtime.state import durable


class Minder(Protocol):
    """Who carries the orders out. Each returns the record's version, if the order changed it."""

    amendments: Amendments

    def start(self) -> int | None:
        """Run the container now, if it does not."""

    def stop(self, operation: str | None, grace_seconds: float | None) -> int | None:
        """Begin to end the container."""

    def restart(self, operation: str, grace_seconds: float | None) -> int | None:
        """Begin to end the container, to start it again."""

    def kill(self, operation: str | None, number: int) -> int | None:
        """Signal the container's first process."""

    def pause(self) -> int | None:
        """Let the container stand still."""

    def resume(self) -> int | None:
        """Let it go on."""

    def execute(self, operation: str, spec: Mapping[str, Any]) -> int | None:
        """Begin a further process."""

    def open_session(self, operation: str, spec: Mapping[str, Any]) -> int | None:
        """Begin a process to converse with."""

    def reach(self, session: str, offset: int) -> Take:
        """Return what converses with a session's reader, or raise."""

    def adopt(self, connection: socket.socket) -> None:
        """Take `connection` as the link with a new zygote."""


class Orders:
    """Serves the connections of engines for one container."""

    def __init__(self, container: str, loop: Loop, minder: Minder) -> None:
        self._container = container
        self._loop = loop
        self._minder = minder
        self._connections: dict[int, socket.socket] = {}
        self._door: Door | None = None

    def open(self, directory: str) -> None:
        """Listen at `s` in the container's run directory."""
        os.makedirs(directory, 0o700, exist_ok=True)
        self._door = Door(self._loop, sockets.listen(directory, "s"), self.welcome)

    def welcome(self, connection: socket.socket, request: Mapping[str, Any] | None = None) -> None:
        """Serve a connection, whose first request may have been read already."""
        connection.setblocking(False)
        self._connections[connection.fileno()] = connection
        self._loop.watch(connection.fileno(), lambda: self._hear(connection))
        if request is not None:
            self._answer(connection, protocol.from_plain(request))

    def reply(self, connection: socket.socket, message: Message) -> None:
        """Answer; an engine that hung up meanwhile, or does not read, is let go."""
        try:
            sockets.send(connection, message)
        except OSError:
            self._hang_up(connection)

    def _hear(self, connection: socket.socket) -> None:
        try:
            received = sockets.receive(connection)
        except BlockingIOError:
            return
        except (OSError, Unavailable):
            received = None
        if received is None:
            self._hang_up(connection)
            return
        message, fds = received
        for fd in fds:
            os.close(fd)
        self._answer(connection, message)

    def _answer(self, connection: socket.socket, message: Message) -> None:
        if isinstance(message, Adopt):
            self._give_away(connection, self._minder.adopt)
            return
        try:
            if isinstance(message, Attach):
                self._attach(connection, message)
                return
            with durable.told():
                version = self._carry_out(message)
        except RuntimeFault as fault:
            self.reply(connection, protocol.fault_of(fault))
        else:
            self.reply(connection, Done(container=self._container, version=version))

    def _attach(self, connection: socket.socket, message: Attach) -> None:
        """Say Done and let the session have the connection, unless the engine hung up."""
        self._require_named(message)
        take = self._minder.reach(message.session, message.offset)
        self.reply(connection, Done(container=self._container))
        if connection.fileno() in self._connections:
            self._give_away(connection, take)

    def _give_away(self, connection: socket.socket, take: Take) -> None:
        self._loop.forget(connection.fileno())
        del self._connections[connection.fileno()]
        take(connection)

    def _require_named(self, message: Message) -> None:
        if getattr(message, "container", None) != self._container:
            raise protocol.unexpected(f"a message for {self._container}", message)

    def _carry_out(self, message: Message) -> int | None:
        self._require_named(message)
        version: int | None
        match message:
            case Start():
                version = self._minder.start()
            case Stop():
                version = self._minder.stop(message.operation, message.grace_seconds)
            case Restart():
                version = self._minder.restart(message.operation, message.grace_seconds)
            case Kill():
                version = self._minder.kill(message.operation, message.signal)
            case Pause():
                version = self._minder.pause()
            case Resume():
                version = self._minder.resume()
            case Update():
                version = self._minder.amendments.update(message.operation, message.changes)
            case Execute():
                version = self._minder.execute(message.operation, message.spec)
            case OpenSession():
                version = self._minder.open_session(message.operation, message.spec)
            case _:
                raise protocol.unexpected("an order", message)
        return version

    def _hang_up(self, connection: socket.socket) -> None:
        if self._connections.pop(connection.fileno(), None) is not None:
            self._loop.forget(connection.fileno())
            connection.close()
