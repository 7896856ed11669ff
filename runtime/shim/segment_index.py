"""The sparse index of a segment: where in the file reading may begin, a mark per 256 KiB of it.

It lies beside its segment, is written by the segment's writer and is never needed: where it is
missing, short, or torn by a crash of the machine, readers begin further in front.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

EVERY = 262_144
"""Bytes of a segment from one mark to the next, about."""
UNKNOWN = (1 << 64) - 1
"""The time of a mark that nobody wrote: later than all that can be asked for."""

_ENTRY = struct.Struct("<QQQ")
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class Mark:
    """A frame begins at byte `position` of the file, after `offset` bytes of output.

    No frame before it, in this segment and all older ones, has a time after `latest_ns`: the
    clock of frames may be set back, so that their times alone need not rise.
    """

    offset: int
    position: int
    latest_ns: int


class IndexWriter:
    """Adds marks to the index of one segment. What cannot be written is left out."""

    def __init__(self, segment: str) -> None:
        self._path = index_path(segment)
        self._count = 0
        self._due = 0

    def is_due(self, position: int) -> bool:
        """Say whether a frame that begins at `position` should be marked."""
        return position >= self._due

    def add(self, mark: Mark) -> None:
        """Append `mark`; the next is due EVERY bytes on."""
        self._due = mark.position + EVERY
        entry = _ENTRY.pack(mark.offset, mark.position, mark.latest_ns)
        try:
            fd = os.open(self._path, _CREATE, 0o600)
            try:
                if os.pwrite(fd, entry, self._count * _ENTRY.size) == _ENTRY.size:
                    self._count += 1
            finally:
                os.close(fd)
        except OSError:
            return  # a full disk, most likely: readers begin at the mark before

    def go_on(self, end: int) -> None:
        """Continue an index up to byte `end` of its segment, where the log was found to end."""
        kept = [mark for mark in _read(self._path) if mark.position < end]
        self._count = len(kept)
        self._due = kept[-1].position + EVERY if kept else 0
        try:
            os.truncate(self._path, self._count * _ENTRY.size)
        except OSError:
            return  # there is none yet


def index_path(segment: str) -> str:
    """Return where the index of the segment at path `segment` lies."""
    return f"{segment.removesuffix('.log')}.idx"


def marks(segment: str, base: int) -> list[Mark]:
    """Return where reading a segment may begin, in rising order; its beginning at least.

    Marks that a crash of the machine tore, and all behind them, are left out.
    """
    try:
        size = os.stat(segment).st_size
    except FileNotFoundError:  # rotated away this moment
        size = 0
    found = [mark for mark in _read(index_path(segment)) if mark.position < size]
    if not found or (found[0].offset, found[0].position) != (base, 0):
        return [Mark(base, 0, UNKNOWN)]
    return found


def _read(path: str) -> list[Mark]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return []
    try:
        content = os.pread(fd, os.fstat(fd).st_size, 0)
    finally:
        os.close(fd)
    whole = len(content) - len(content) % _ENTRY.size
    found: list[Mark] = []
    for entry in _ENTRY.iter_unpack(content[:whole]):
        mark = Mark(*entry)
        if found and not _follows(found[-1], mark):
            break
        found.append(mark)
    return found


def _follows(before: Mark, mark: Mark) -> bool:
    return (
        mark.offset > before.offset
        and mark.position > before.position
        and mark.latest_ns >= before.latest_ns
    )
