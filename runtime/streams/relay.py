"""Carry a session's packets between a client's frames and the session's own socket, both ways.

Neither side may wait for the other: a key must get through while output is stuck. So nothing here
blocks, and at most one piece is kept for each side; what may be under way is the session's matter.
"""

from __future__ import annotations

import select
import socket
from collections import deque
from collections.abc import Callable

from runtime.dialogue import LARGEST
from runtime.streams.frames import BadFrame, FrameKind, expect, pack, split

LOOK_SECONDS = 0.25
"""How often it is asked whether all is over."""
READ = 64 * 1024
_TOGETHER = 128 * 1024
"""Bytes of packets that are sent on at once, where as many wait."""


class Relay:
    """One session's way through the agent; `run` in a thread of its own."""

    def __init__(self, client: socket.socket, line: socket.socket) -> None:
        self._client = client
        self._line = line
        self._for_client = memoryview(b"")
        self._for_line: deque[bytes] = deque()
        self._rest = b""
        self._hung_up = False
        self._poll = select.poll()
        self._registered: dict[int, int] = {}

    def run(self, over: Callable[[], bool]) -> bool:
        """Relay until the session hangs up or `over` says so; False where the client went away.

        Raises BadFrame for what is no packet.
        """
        self._client.setblocking(False)
        self._line.setblocking(False)
        while not over():
            if self._hung_up and not self._for_client:
                return True
            self._watch()
            if not self._turn(dict(self._poll.poll(LOOK_SECONDS * 1000))):
                return False
        return True

    def _watch(self) -> None:
        """Watch for what can be done; a side for which something waits is not read meanwhile."""
        from_client = 0 if self._for_line else select.POLLIN
        to_client = select.POLLOUT if self._for_client else 0
        from_line = 0 if self._for_client or self._hung_up else select.POLLIN
        to_line = select.POLLOUT if self._for_line else 0
        self._register(self._client.fileno(), from_client | to_client)
        self._register(self._line.fileno(), from_line | to_line)

    def _register(self, fd: int, events: int) -> None:
        """Watch `fd` for `events`; for nothing it is not watched at all, not even for its end."""
        if self._registered.get(fd, 0) == events:
            return
        self._registered[fd] = events
        if events:
            self._poll.register(fd, events)
        else:
            self._poll.unregister(fd)

    def _turn(self, ready: dict[int, int]) -> bool:
        client, line = ready.get(self._client.fileno(), 0), ready.get(self._line.fileno(), 0)
        try:
            if line and not self._for_client and not self._hung_up:
                self._from_line()
            if line and self._for_line:
                self._to_line()
            if self._for_client:
                self._to_client()
            return not client or bool(self._for_line) or self._from_client()
        except (BrokenPipeError, ConnectionResetError):
            return False

    def _from_line(self) -> None:
        frames, size = [], 0
        while size < _TOGETHER:
            try:
                packet = self._line.recv(LARGEST + 1)
            except BlockingIOError:
                break
            except ConnectionResetError:
                continue  # it hung up before it read all; its own last words come behind this
            if not packet:
                self._hung_up = True
                break
            frames.append(pack(FrameKind.WORD, packet))
            size += len(packet)
        self._for_client = memoryview(b"".join(frames))

    def _to_client(self) -> None:
        try:
            self._for_client = self._for_client[self._client.send(self._for_client) :]
        except BlockingIOError:
            return

    def _from_client(self) -> bool:
        try:
            received = self._client.recv(READ)
        except BlockingIOError:
            return True
        if not received:
            return False
        frames, self._rest = split(self._rest + received)
        for kind, packet in frames:
            expect(kind, FrameKind.WORD)
            if len(packet) > LARGEST:
                raise BadFrame(f"a packet of {len(packet)} bytes is longer than {LARGEST}")
            self._for_line.append(packet)
        self._to_line()
        return True

    def _to_line(self) -> None:
        try:
            while self._for_line:
                self._line.send(self._for_line[0])
                self._for_line.popleft()
        except BlockingIOError:
            return
        except (BrokenPipeError, ConnectionResetError):  # what it said last is still to be read
            self._for_line.clear()
