"""Take an archive of archives apart: each file becomes a numbered file in an empty directory.

The members' names are only remembered, never used as paths.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from runtime.archive.entry import Kind
from runtime.archive.limits import Limits
from runtime.archive.reader import read_entries
from runtime.archive.stream import Stream
from runtime.archive.tree import split_name
from runtime.errors import Exhausted, InvalidSpec, KernelRefused

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_REPORT_BYTES = 8 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class Parts:
    """What an archive held. `files` maps a member's name to (file number, bytes), `links` to the
    name that a link leads to, both as text with surrogate escapes."""

    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)


def split(
    source: int, target: int, limits: Limits, report: Callable[[int], None] | None = None
) -> Parts:
    """Write each file member of `source` to the directory `target` under its number.

    Raises InvalidSpec("archive", ...), Exhausted, KernelRefused.
    """
    parts = Parts()
    with Stream(source, limits, hashed=False) as stream:
        for number, entry in enumerate(read_entries(stream)):
            if number >= limits.inodes:
                raise Exhausted(f"the archive has more than {limits.inodes} members")
            name = os.fsdecode(split_name(entry.name))
            if entry.kind is Kind.FILE:
                _store(stream, target, number, entry.size, report)
                parts.files[name] = (number, entry.size)
                parts.links.pop(name, None)
            elif entry.kind in (Kind.SYMLINK, Kind.HARD_LINK):
                parts.links[name] = _link_target(name, entry.kind, entry.link)
                parts.files.pop(name, None)
            elif entry.kind is not Kind.DIRECTORY:
                raise InvalidSpec("archive", f"has a {entry.kind.name.lower()} {name[:200]!r}")
        stream.finish()
    return parts


def _store(
    stream: Stream, target: int, number: int, size: int, report: Callable[[int], None] | None
) -> None:
    fd = os.open(str(number), _NEW_FILE, 0o600, dir_fd=target)
    try:
        while size:
            step = min(size, _REPORT_BYTES)
            stream.copy(step, lambda part: _write_all(fd, part))
            size -= step
            if report:
                report(stream.consumed)
    except OSError as error:
        if error.errno in (28, 122):
            raise Exhausted(f"no room to take the archive apart: {error.strerror}") from error
        raise KernelRefused("write", error.errno or 0, str(number)) from error
    finally:
        os.close(fd)


def _link_target(name: str, kind: Kind, link: bytes) -> str:
    """Resolve a link by text. docker-save used them for layers that occur twice."""
    text = os.fsdecode(link)
    if kind is Kind.SYMLINK and not text.startswith("/"):
        text = os.path.normpath(os.path.join("/", os.path.dirname(name), text))
    return text.strip("/")


def _write_all(fd: int, part: memoryview) -> None:
    while part:
        part = part[os.write(fd, part) :]
