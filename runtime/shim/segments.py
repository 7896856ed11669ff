"""The log on disk: a ring of binary segments that the shim appends to.

A segment is named after the offset of its first byte of output. It holds frames: a header (magic,
stream, flags, length, time) and the bytes that one move took from a pipe. The bytes go from pipe
to file inside the kernel (splice(2)): the header is written as open, the bytes follow, the header
is closed. So a shim that is killed at any point neither loses nor doubles output: what was not
moved is still in the pipe, what was moved is found behind the open header.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from runtime.errors import Unavailable
from runtime.shim.segment_index import IndexWriter, Mark, index_path, marks
from runtime.state import durable, schema

HEADER = struct.Struct("<BBBxIQ")
GAP = struct.Struct("<Q")
MAGIC = 0x4C
STREAMS = {1: "stdout", 2: "stderr"}
CHUNK = 65_536
"""Bytes of one frame at most: what a pipe holds (pipe(7))."""

CLOSED = 0
OPEN = 1
"""The frame is being written, or was when its shim died."""
LOST = 2
"""The frame's eight bytes are a number: so much output was dropped here."""

_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of the ring; `base` is the offset of its first byte of output."""

    base: int
    path: str


def segments(directory: str) -> list[Segment]:
    """Return the segments in a log directory, oldest first."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    bases = sorted(int(name[:-4]) for name in names if name.endswith(".log"))
    return [_segment(directory, base) for base in bases]


class SegmentWriter:
    """Appends to the ring in `directory`; at most `files` segments of about `size` bytes.

    A full disk never stops the container: its output is read and dropped, counted, and the gap is
    told as soon as there is room. Each segment gets a sparse index (segment_index.py).
    """

    def __init__(
        self,
        directory: str,
        *,
        size: int,
        files: int,
        boot: str,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._directory = directory
        self._size = size
        self._files = files
        self._boot = boot
        self._clock = clock
        self._lost = 0
        self._latest_ns = 0
        self._index = IndexWriter("")
        self._fd = -1
        self._base = 0
        self._position = 0
        self.offset = 0
        self._go_on()

    def move(self, pipe: int, stream: int) -> int:
        """Move what a pipe holds into the log, one frame; return its bytes, 0 at end of file.

        Raises BlockingIOError where the pipe is empty.
        """
        try:
            self._make_room()
            moved = self._splice(pipe, stream)
        except BlockingIOError:
            raise
        except OSError:
            return self._drop(pipe)
        if moved:
            self._close_frame(stream, moved)
        return moved

    def close(self) -> None:
        """Note where the log ends, so that the next writer need not search."""
        if self._lost:
            self._tell_lost()
        if self._fd < 0:
            return
        note = {
            "boot": self._boot,
            "base": self._base,
            "at": self._position,
            "off": self.offset,
            "latest": self._latest_ns,
        }
        try:
            os.ftruncate(self._fd, self._position)
            durable.replace(f"{self._directory}/end", schema.encode(note))
        except OSError:
            return  # the next writer searches
        finally:
            os.close(self._fd)
            self._fd = -1

    def _splice(self, pipe: int, stream: int) -> int:
        header = HEADER.pack(MAGIC, stream, OPEN, 0, self._clock())
        os.pwrite(self._fd, header, self._position)
        start = self._position + HEADER.size
        return os.splice(pipe, self._fd, CHUNK, offset_dst=start, flags=os.SPLICE_F_NONBLOCK)

    def _close_frame(self, stream: int, moved: int) -> None:
        now = self._clock()
        header = HEADER.pack(MAGIC, stream, CLOSED, moved, now)
        try:
            os.pwrite(self._fd, header, self._position)
        except OSError:
            self._lost += moved
            return
        if self._index.is_due(self._position):
            self._index.add(Mark(self.offset, self._position, self._latest_ns))
        self._latest_ns = max(self._latest_ns, now)
        self._position += HEADER.size + moved
        self.offset += moved

    def _drop(self, pipe: int) -> int:
        dropped = len(os.read(pipe, CHUNK))
        self._lost += dropped
        return dropped

    def _make_room(self) -> None:
        """Have an open segment that is not full, and the count of lost bytes in it."""
        if self._fd < 0 or self._position >= self._size:
            self._rotate()
        if self._lost:
            self._write(HEADER.pack(MAGIC, 0, LOST, GAP.size, self._clock()) + GAP.pack(self._lost))
            self.offset += self._lost
            self._lost = 0

    def _tell_lost(self) -> None:
        """Write the count of lost bytes before leaving, if there is room by now."""
        try:
            self._make_room()
        except OSError:
            return

    def _write(self, frame: bytes) -> None:
        if os.pwrite(self._fd, frame, self._position) != len(frame):
            raise OSError("short write")
        self._position += len(frame)

    def _rotate(self) -> None:
        for old in segments(self._directory)[: -(self._files - 1) or None]:
            discard(old)
        path = _segment(self._directory, self.offset).path
        fd = os.open(path, _CREATE, 0o600)
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._base, self._position = fd, self.offset, 0
        self._index = IndexWriter(path)

    def _go_on(self) -> None:
        """Open the newest segment at its end, after repairing what a killed shim left there."""
        found = segments(self._directory)
        if not found:
            return
        last = found[-1]
        self._base = last.base
        self._fd = os.open(last.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        if not self._trust_note():
            self._position, self.offset, self._latest_ns = repair(self._fd, last)
        self._index = IndexWriter(last.path)
        self._index.go_on(self._position)

    def _trust_note(self) -> bool:
        path = f"{self._directory}/end"
        try:
            note = schema.decode(durable.read(path), path)
        except (FileNotFoundError, Unavailable):
            return False
        size = os.fstat(self._fd).st_size
        if (note["boot"], note["base"]) != (self._boot, self._base) or note["at"] > size:
            return False
        if "latest" not in note:  # of a release that kept no index
            return False
        os.unlink(path)
        os.ftruncate(self._fd, note["at"])
        self._position, self.offset = note["at"], note["off"]
        self._latest_ns = note["latest"]
        return True


def repair(fd: int, segment: Segment) -> tuple[int, int, int]:
    """Close or cut off the frame at which the last writer died.

    Return where the segment ends, the offset there, and the latest time of all frames so far. A
    machine's crash may leave anything behind the last whole frame: it is cut off.
    """
    position, offset = 0, segment.base
    latest_ns = marks(segment.path, segment.base)[0].latest_ns
    size = os.fstat(fd).st_size
    while position + HEADER.size <= size:
        magic, stream, flags, length, time_ns = HEADER.unpack(os.pread(fd, HEADER.size, position))
        behind = size - position - HEADER.size
        if magic == MAGIC and flags == OPEN and stream in STREAMS and behind:
            length = min(behind, CHUNK)
            os.pwrite(fd, HEADER.pack(MAGIC, stream, CLOSED, length, time_ns), position)
        elif not _whole(magic, flags, length, behind):
            break
        offset += length if flags != LOST else _gap(fd, position)
        latest_ns = max(latest_ns, time_ns)
        position += HEADER.size + length
    os.ftruncate(fd, position)
    return position, offset, latest_ns


def discard(segment: Segment) -> None:
    """Delete a segment and its index."""
    os.unlink(segment.path)
    try:
        os.unlink(index_path(segment.path))
    except FileNotFoundError:
        return


def _whole(magic: int, flags: int, length: int, behind: int) -> bool:
    return magic == MAGIC and flags in (CLOSED, LOST) and 0 < length <= min(CHUNK, behind)


def _gap(fd: int, position: int) -> int:
    lost: int = GAP.unpack(os.pread(fd, GAP.size, position + HEADER.size))[0]
    return lost


def _segment(directory: str, base: int) -> Segment:
    return Segment(base, f"{directory}/{base:020d}.log")
