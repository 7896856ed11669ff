"""Serve streams on a Unix socket: one thread per connection, a bounded number of them.

Only root and the named users may speak (SO_PEERCRED, unix(7)). A reader that is slow stalls its
own thread and nothing else; one that takes nothing for `stall_seconds` is cut.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from runtime.errors import Exhausted, RuntimeFault, Unavailable
from runtime.events import LogFrame
from runtime.streams import faults
from runtime.streams.frames import (
    HEADER,
    MAX_OPEN,
    MAX_PAYLOAD,
    BadFrame,
    FrameKind,
    expect,
    pack_json,
    pack_log,
    parse_header,
    parse_json,
)
from runtime.streams.relay import Relay

logger = logging.getLogger(__name__)

OPEN_SECONDS = 10.0
LINGER_SECONDS = 3.0
TURN_AWAY_SECONDS = 0.2
PAUSE_SECONDS = 0.2
_UCRED = struct.Struct("3i")


class HungUp(Unavailable):
    """The client is gone, or took nothing for too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Who may connect and how much; `uids` besides root, `group` owns the socket (0660)."""

    path: str
    group: int
    uids: frozenset[int] = frozenset()
    connections: int = 256
    stall_seconds: float = 600.0


class Conversation:
    """The server's end of one stream, used by the one thread that serves it."""

    def __init__(self, connection: socket.socket, *, stall_seconds: float) -> None:
        self._socket = connection
        self._stall_seconds = stall_seconds
        self._poll = select.poll()
        self._poll.register(connection, select.POLLRDHUP)

    def ticket(self) -> str:
        """Return the secret of the OPEN frame, which must be the first and come soon."""
        self._socket.settimeout(OPEN_SECONDS)
        kind, payload = self._receive(limit=MAX_OPEN)
        expect(kind, FrameKind.OPEN)
        ticket = parse_json(payload).get("ticket")
        if not isinstance(ticket, str):
            raise BadFrame("expected a ticket, received none")
        self._socket.settimeout(self._stall_seconds)
        return ticket

    def ready(self) -> None:
        """Tell the client that its ticket is redeemed and the stream is open."""
        self._send(pack_json(FrameKind.READY, {}))

    def log(self, frame: LogFrame) -> None:
        """Send one log chunk. Raises HungUp when the client is gone or stalls."""
        for packed in pack_log(frame):
            self._send(packed)

    def logs(self, batch: Iterable[LogFrame]) -> None:
        """Send log chunks that were there together, at once. Raises HungUp like `log`."""
        self._send(b"".join(packed for frame in batch for packed in pack_log(frame)))

    def samples(self, batch: Iterable[Mapping[str, Any]]) -> None:
        """Send objects at once, each a sample. Raises HungUp like `log`."""
        self._send(b"".join(pack_json(FrameKind.SAMPLE, one) for one in batch))

    def uploaded(self) -> Iterator[bytes]:
        """Yield the chunks of an upload up to its END. Raises HungUp when it breaks off."""
        while True:
            kind, payload = self._receive()
            expect(kind, FrameKind.UPLOAD, FrameKind.END)
            if kind is FrameKind.END:
                return
            yield payload

    def converse(self, line: socket.socket, over: Callable[[], bool]) -> None:
        """Relay a session's packets over `line` until it hangs up or `over` says so.

        Raises HungUp when the client is gone.
        """
        try:
            there = Relay(self._socket, line).run(over)
        finally:
            self._socket.settimeout(self._stall_seconds)
        if not there:
            raise HungUp("the client is gone")

    def end(self, result: Mapping[str, Any]) -> None:
        """Say that the stream is complete."""
        self._send(pack_json(FrameKind.END, result))

    def fault(self, fault: RuntimeFault) -> None:
        """Say why the stream ends, and take what the client still sends until it has read it."""
        with suppress(OSError, HungUp):
            self._send(pack_json(FrameKind.FAULT, faults.to_json(fault)))
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.settimeout(LINGER_SECONDS)
            while self._socket.recv(65_536):
                pass

    def turn_away(self, fault: RuntimeFault) -> None:
        """Say why there is no stream, within moments, to a client that has just sent OPEN."""
        with suppress(OSError, HungUp):
            self._socket.settimeout(TURN_AWAY_SECONDS)
            # Closing with unread bytes would reset the connection before the answer is read.
            self._socket.recv(HEADER.size + MAX_OPEN)
            self._send(pack_json(FrameKind.FAULT, faults.to_json(fault)))

    def hung_up(self) -> bool:
        """Say whether the client has closed its end (poll(2), POLLRDHUP). Never blocks."""
        return bool(self._poll.poll(0))

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise HungUp(f"the client is gone: {error}") from error

    def _receive(self, *, limit: int = MAX_PAYLOAD) -> tuple[FrameKind, bytes]:
        kind, length = parse_header(self._receive_exactly(HEADER.size), limit=limit)
        return kind, self._receive_exactly(length)

    def _receive_exactly(self, length: int) -> bytes:
        parts = bytearray()
        while len(parts) < length:
            try:
                data = self._socket.recv(length - len(parts))
            except OSError as error:
                raise HungUp(f"the client is gone: {error}") from error
            if not data:
                raise HungUp("the client is gone")
            parts += data
        return bytes(parts)


Serve = Callable[[str, Conversation], None]
"""Redeem the ticket, say `ready`, stream, say `end`; raise a RuntimeFault to refuse or to fail."""


class StreamServer:
    """Accepts connections in a thread of its own between `start` and `stop`."""

    def __init__(self, options: ServerOptions, serve: Serve) -> None:
        self._options = options
        self._serve = serve
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._free = threading.BoundedSemaphore(options.connections)
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._stopped = False
        self._accepting = threading.Thread(target=self._accept, name="streams", daemon=True)

    def start(self) -> None:
        """Bind the socket, replacing one that a dead server left, and begin to accept."""
        with suppress(FileNotFoundError):
            os.unlink(self._options.path)
        self._listener.bind(self._options.path)
        os.chown(self._options.path, -1, self._options.group)
        os.chmod(self._options.path, 0o660)
        self._listener.listen(64)
        self._accepting.start()

    def stop(self, *, timeout_seconds: float = 5.0) -> None:
        """Accept no more, cut every stream, and wait for the threads to leave."""
        with self._lock:
            self._stopped = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with suppress(FileNotFoundError):
            os.unlink(self._options.path)
        with self._lock:
            serving = list(self._open.items())
        for connection, _ in serving:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for _, thread in serving:
            thread.join(timeout_seconds)

    @property
    def connections(self) -> int:
        """How many streams are being served."""
        return len(self._open)

    def _accept(self) -> None:
        """Accept until `stop`; a node short of descriptors or threads is served again later."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                if self._stopped:
                    return
                logger.warning("no stream can be accepted now: %s", error)
                time.sleep(PAUSE_SECONDS)
                continue
            if not self._welcome(connection):
                connection.close()

    def _welcome(self, connection: socket.socket) -> bool:
        """Start a thread for `connection` if its owner may speak and there is room."""
        conversation = Conversation(connection, stall_seconds=self._options.stall_seconds)
        uid = peer_uid(connection)
        if uid != 0 and uid not in self._options.uids:
            logger.warning("refused a stream to uid %d", uid)
            return False
        if not self._free.acquire(blocking=False):
            conversation.turn_away(
                Exhausted(f"all {self._options.connections} streams of the node are in use")
            )
            return False
        thread = threading.Thread(
            target=self._converse, args=(connection, conversation), name="stream", daemon=True
        )
        with self._lock:
            if self._stopped:
                self._free.release()
                return False
            try:
                thread.start()
            except RuntimeError as error:  # pthread_create(3) was refused
                logger.warning("no thread for a stream: %s", error)
                self._free.release()
                return False
            self._open[connection] = thread
        return True

    def _converse(self, connection: socket.socket, conversation: Conversation) -> None:
        try:
            self._serve(conversation.ticket(), conversation)
        except HungUp:
            pass
        except RuntimeFault as fault:
            conversation.fault(fault)
        except Exception:
            logger.exception("a stream failed")
            conversation.fault(Unavailable("the node agent failed; its log tells why"))
        finally:
            with self._lock:
                del self._open[connection]
            connection.close()
            self._free.release()


def peer_uid(connection: socket.socket) -> int:
    """Return the user at the other end, as the kernel knows it (unix(7), SO_PEERCRED)."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _, uid, _ = _UCRED.unpack(raw)
    return int(uid)
