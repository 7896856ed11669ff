"""Reading the log's ring: by offset, by time, the last lines; a window of it in memory.

The writer is another process and may be in the middle of a frame, rotate, or be dead.
"""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator

from runtime.errors import InvalidSpec
from runtime.events import LogFrame, LogQuery
from runtime.shim.segment_index import Mark, marks
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

WINDOW = 4 * CHUNK
"""Bytes that one read of a segment asks for."""
BATCH = 4 * CHUNK
"""Bytes of output at which a batch of frames is full."""
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
                frame = self._loss(time_ns, GAP.unpack(self._window.get(body, length))[0])
            else:
                frame = self._frame(stream, time_ns, body, length)
            if frame is not None:
                return frame
        return None

    def read_batch(self) -> list[LogFrame]:
        """Return the next frames, those that are there by now and BATCH bytes at most, or one."""
        frames: list[LogFrame] = []
        size = 0
        while size < BATCH and (frame := self.read()) is not None:
            frames.append(frame)
            size += len(frame.data)
        return frames

    def is_before(self, base: int, position: int) -> bool:
        """Say whether the next frame begins before byte `position` of the segment `base`."""
        return (self._base, self._position) < (base, position)

    def close(self) -> None:
        """Let go of the segment that is open."""
        self._window.close()

    def __enter__(self) -> SegmentReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _loss(self, time_ns: int, lost: int) -> LogFrame | None:
        """Tell of output that a full disk cost: a frame without bytes."""
        self._offset = end = self._offset + lost
        if end <= self._wanted:
            return None
        gap, self._wanted = end - self._wanted, end
        return LogFrame(offset=end, time_ns=time_ns, stream="stdout", data=b"", gap=gap)

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
        if not self._window.holds(self._position + HEADER.size, length):
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
        self._base = segment.base
        begins = marks(segment.path, segment.base)
        self._go_to(begins[_at_offset(begins, self._wanted)])
        if self._header() is None:
            self._go_to(begins[0])  # a crash of the machine tore what the index tells of
        return True

    def _go_to(self, mark: Mark) -> None:
        self._offset, self._position = mark.offset, mark.position


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

    def holds(self, position: int, length: int) -> bool:
        """Say whether the file has so many bytes there, and read on if need be."""
        if position < self._start or position + length > self._start + len(self._bytes):
            self._bytes = os.pread(self._fd, max(length, WINDOW), position)
            self._start = position
        return position + length <= self._start + len(self._bytes)

    def get(self, position: int, length: int) -> bytes:
        """Return the bytes there; fewer at the end of the file."""
        self.holds(position, length)
        start = position - self._start
        return self._bytes[start : start + length]

    def forget(self) -> None:
        """Read again what was read: its writer may have gone on."""
        self._start, self._bytes = 0, b""

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
        self.forget()


def end_offset(directory: str) -> int:
    """Return the offset behind the last frame that is there now, however fast more are written."""
    found = segments(directory)
    if not found:
        return 0
    last = found[-1]
    try:
        size = os.stat(last.path).st_size
    except FileNotFoundError:  # rotated away this moment: at most as many more are read
        size = 0
    offset = marks(last.path, last.base)[-1].offset
    with SegmentReader(directory, offset) as reader:
        while reader.is_before(last.base, size) and (frame := reader.read()):
            offset = frame.offset
    return offset


def start_offset(directory: str, query: LogQuery, end: int | None = None) -> int:
    """Return an offset from which on there is all that `query` asks for, its tail before `end`.

    With `since_ns` it may lie too far in front: frames that are older have to be left out.
    """
    starts = [query.offset]
    if query.tail is not None:
        starts.append(tail_offset(directory, query.tail, end))
    if query.since_ns is not None:
        starts.append(time_offset(directory, query.since_ns))
    return max(starts)


def time_offset(directory: str, since_ns: int) -> int:
    """Return an offset before which every frame is older than `since_ns`, by the index."""
    for segment in reversed(segments(directory)):
        mark = _before_time(marks(segment.path, segment.base), since_ns)
        if mark is not None:
            return mark.offset
    return 0


def tail_offset(directory: str, lines: int, end: int | None = None) -> int:
    """Return the offset at which the last `lines` lines before `end` begin (None: all there is).

    Raises InvalidSpec("tail").
    """
    if not 0 <= lines <= MAX_TAIL:
        raise InvalidSpec("tail", f"{lines} is not a number from 0 to {MAX_TAIL}")
    first = end = end_offset(directory) if end is None else end
    starts: deque[int] = deque()
    for begin, until in _blocks_backwards(directory, end) if lines else ():
        first = begin
        starts.extendleft(reversed(_line_starts(directory, begin, until, lines + 1)))
        if starts and starts[-1] == end:
            starts.pop()  # the last line is finished: nothing begins behind it
        if len(starts) >= lines:
            return starts[-lines]
    return first


def _blocks_backwards(directory: str, until: int) -> Iterator[tuple[int, int]]:
    """Yield the first offset and the end of each stretch between two marks, the newest first."""
    for segment in reversed(segments(directory)):
        for mark in reversed(marks(segment.path, segment.base)):
            if mark.offset < until:
                yield mark.offset, until
                until = mark.offset


def _at_offset(found: list[Mark], offset: int) -> int:
    """Return the number of the last mark at `offset` or before it, else 0."""
    return max(0, bisect_right(found, offset, key=lambda mark: mark.offset) - 1)


def _before_time(found: list[Mark], time_ns: int) -> Mark | None:
    """Return the last mark before which everything is older than `time_ns`, None without one."""
    number = bisect_left(found, time_ns, key=lambda mark: mark.latest_ns)
    return found[number - 1] if number else None


def _line_starts(directory: str, base: int, until: int, keep: int) -> deque[int]:
    """Return where the last `keep` lines of a stretch of one segment begin."""
    starts: deque[int] = deque(maxlen=keep)
    with SegmentReader(directory, base) as reader:
        while frame := reader.read():
            first = frame.offset - len(frame.data)
            if first >= until:
                break
            starts.extend(first + place for place in _after_newlines(frame.data))
    return starts


def _after_newlines(data: bytes) -> Iterator[int]:
    place = data.find(b"\n") + 1
    while place:
        yield place
        place = data.find(b"\n", place) + 1
