"""The bytes of a session that somebody may still need: output for its reader, and for one who comes
back; input until it is written. Bounded, counted from the session's beginning. Pure."""

from __future__ import annotations

from collections import deque

from runtime.dialogue import CHUNK, INPUT_WINDOW, WINDOW, Output
from runtime.errors import Unavailable

SMALL = 1024
"""Bytes of a piece that is still to grow."""


class Replay:
    """The last output, all of it that is not acknowledged, and how far the reader was sent it."""

    def __init__(self) -> None:
        self._pieces: deque[Output] = deque()
        self._begin = 0
        self.acknowledged = 0
        self.sent = 0
        self.end = 0

    @property
    def room(self) -> int:
        """How many bytes of output may be read from the process now."""
        return max(0, WINDOW - (self.end - self.acknowledged))

    @property
    def all_acknowledged(self) -> bool:
        """Whether the reader has handled everything."""
        return self.acknowledged == self.end

    def append(self, stream: int, data: bytes) -> None:
        """Keep a piece of output. Small ones of a stream become one: each costs memory."""
        self.end += len(data)
        last = self._pieces[-1] if self._pieces else None
        if last is not None and last.stream == stream and _may_grow(last.data, data):
            data = self._pieces.pop().data + data
        self._pieces.append(Output(offset=self.end, stream=stream, data=data))
        self._trim()

    def acknowledge(self, offset: int) -> None:
        """Note what the reader has handled. Raises Unavailable for what was never sent."""
        if offset > self.sent:
            raise Unavailable(f"offset {offset} was not sent, the last is {self.sent}")
        self.acknowledged = max(self.acknowledged, offset)
        self._trim()

    def rewind(self, offset: int) -> int:
        """Begin anew after `offset`, for a new reader; return where it really goes on.

        Raises Unavailable for what was never printed.
        """
        if offset > self.end:
            raise Unavailable(f"offset {offset} is past the end, {self.end}")
        self.sent = max(offset, self._begin)
        return self.sent

    def next(self) -> Output | None:
        """Return the next piece for the reader, None where it has all; see `passed`."""
        for piece in self._pieces:
            if piece.offset <= self.sent:
                continue
            begin = piece.offset - len(piece.data)
            if begin >= self.sent:
                return piece
            rest = piece.data[self.sent - begin :]
            return Output(offset=piece.offset, stream=piece.stream, data=rest)
        return None

    def passed(self, piece: Output) -> None:
        """Note that the reader was sent this piece."""
        self.sent = piece.offset

    def _trim(self) -> None:
        """Drop the oldest that is acknowledged, where it is more than one window."""
        while self._pieces and self.end - self._begin > WINDOW:
            oldest = self._pieces[0]
            if oldest.offset > self.acknowledged:
                return
            self._begin = self._pieces.popleft().offset


def _may_grow(last: bytes, more: bytes) -> bool:
    return len(last) < SMALL and len(last) + len(more) <= CHUNK


class Inbox:
    """Input that the process has not read yet."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self.received = 0
        self.ended = False

    @property
    def taken(self) -> int:
        """How many bytes were written to the process."""
        return self.received - len(self._waiting)

    @property
    def waiting(self) -> bytes:
        """What is to be written next."""
        return bytes(self._waiting)

    def put(self, data: bytes) -> None:
        """Take in input. Raises Unavailable for more than may be sent ahead, or after the end."""
        if self.ended:
            raise Unavailable("input came after its end")
        if len(self._waiting) + len(data) > INPUT_WINDOW:
            raise Unavailable(f"more than {INPUT_WINDOW} bytes of input were sent ahead")
        self.received += len(data)
        self._waiting += data

    def passed(self, size: int) -> None:
        """Note that `size` bytes were written."""
        del self._waiting[:size]

    def drop(self) -> None:
        """Count as written what nobody will read any more."""
        self._waiting.clear()
