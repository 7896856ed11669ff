"""Reading the log's ring: by offset, by time, the last lines; never more than a frame in memory.

The writer is another process and may be in the middle of a frame, rotate, or be dead.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator

from runtime.errors import InvalidSpec
from runtime.events import LogFrame, LogQuery
from runtime.shim.segments import (
    CHUNK,
    CLOSED,
    GAP,
    HEADER,
    LOST,
    MAGIC,
    STREAMS,
    Segment,
    segments,
)

MAX_TAIL = 100_000
"""Lines that `tail` may ask for: their places are kept in memory while searching."""


class SegmentReader:
    """Yields frames from an output offset on; `read` returns None where there is no more yet."""

    def __init__(self, directory: str, offset: int = 0) -> None:
        self._directory = directory
        self._wanted = offset
        self._window = _Window()
        self._base = -1
        self._position = 0
        self._offset = 0

    def read(self) -> LogFrame | None:
        """Return the next frame, or None at the end of what was written so far."""
        while self._window.opened or self._enter(None):
            header = self._header()
            if header is None:
                if not self._step():
                    return None
                continue
            stream, flags, length, time_ns = header
            body = self._position + HEADER.size
            self._position = body + length
            if flags == LOST:
                self._offset += GAP.unpack(self._window.get(body, length))[0]
                continue
            frame = self._frame(stream, time_ns, body, length)
            if frame is not None:
                return frame
        return None

    def close(self) -> None:
        """Let go of the segment that is open."""
        self._window.close()

    def __enter__(self) -> SegmentReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _frame(self, stream: int, time_ns: int, body: int, length: int) -> LogFrame | None:
        start, end = self._offset, self._offset + length
        self._offset = end
        if end <= self._wanted:
            return None
        skipped = max(0, self._wanted - start)
        gap = max(0, start - self._wanted)
        self._wanted = end
        data = self._window.get(body + skipped, length - skipped)
        name = STREAMS.get(stream, "stdout")
        return LogFrame(offset=end, time_ns=time_ns, stream=name, data=data, gap=gap)

    def _header(self) -> tuple[int, int, int, int] | None:
        raw = self._window.get(self._position, HEADER.size)
        if len(raw) < HEADER.size:
            return None
        magic, stream, flags, length, time_ns = HEADER.unpack(raw)
        if magic != MAGIC or flags not in (CLOSED, LOST) or not 0 < length <= CHUNK:
            return None
        if len(self._window.get(self._position + HEADER.size, length)) < length:
            return None
        return stream, flags, length, time_ns

    def _step(self) -> bool:
        """Go to the next segment once this one is at its end for good; say whether to go on."""
        later = [each for each in segments(self._directory) if each.base > self._base]
        if not later:
            self._window.forget()
            return False
        return self._header_again() or self._enter(later[0])

    def _header_again(self) -> bool:
        """The writer may have closed a frame here just before it rotated."""
        self._window.forget()
        return self._header() is not None

    def _enter(self, segment: Segment | None) -> bool:
        found = segments(self._directory)
        if segment is None:
            below = [each for each in found if each.base <= self._wanted]
            segment = below[-1] if below else next(iter(found), None)
        if segment is None:
            return False
        self._window.open(segment.path)
        self._base = self._offset = segment.base
        self._position = 0
        return True


class _Window:
    """A file read through one buffer, so that a small frame costs no system call of its own."""

    def __init__(self) -> None:
        self._fd = -1
        self._start = 0
        self._bytes = b""

    @property
    def opened(self) -> bool:
        return self._fd >= 0

    def open(self, path: str) -> None:
        self.close()
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:  # rotated away this moment
            return

    def get(self, position: int, length: int) -> bytes:
        """Return the bytes there; fewer at the end of the file."""
        start = position - self._start
        if start < 0 or start + length > len(self._bytes):
            self._bytes = os.pread(self._fd, max(length, CHUNK), position)
            self._start, start = position, 0
        return self._bytes[start : start + length]

    def forget(self) -> None:
        """Read again what was read: its writer may have gone on."""
        self._start, self._bytes = 0, b""

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
        self.forget()


def start_offset(directory: str, query: LogQuery) -> int:
    """Return the offset at which reading for `query` begins, its time apart."""
    if query.tail is None:
        return query.offset
    return max(query.offset, tail_offset(directory, query.tail))


def tail_offset(directory: str, lines: int) -> int:
    """Return the offset at which the last `lines` lines begin. Raises InvalidSpec("tail")."""
    if not 0 <= lines <= MAX_TAIL:
        raise InvalidSpec("tail", f"{lines} is not a number from 0 to {MAX_TAIL}")
    found = segments(directory)
    starts: deque[int] = deque()
    end = None
    for number in range(len(found) - 1, -1, -1):
        later = found[number + 1].base if number + 1 < len(found) else None
        here, last = _line_starts(directory, found[number].base, later, lines + 1)
        end = last if end is None else end
        starts.extendleft(reversed(here))
        if starts and starts[-1] == end:
            starts.pop()  # the last line is finished: nothing begins behind it
        if len(starts) >= lines:
            break
    if end is None or lines == 0:
        return end or 0
    return starts[-lines] if len(starts) >= lines else found[0].base


def _line_starts(directory: str, base: int, until: int | None, keep: int) -> tuple[deque[int], int]:
    """Return where the last `keep` lines of one segment begin, and where the segment ends."""
    starts: deque[int] = deque(maxlen=keep)
    end = base
    with SegmentReader(directory, base) as reader:
        while frame := reader.read():
            first = frame.offset - len(frame.data)
            if until is not None and first >= until:
                break
            starts.extend(first + place for place in _after_newlines(frame.data))
            end = frame.offset
    return starts, end


def _after_newlines(data: bytes) -> Iterator[int]:
    place = data.find(b"\n") + 1
    while place:
        yield place
        place = data.find(b"\n", place) + 1
