"""Members of a tar stream, one after the other: ustar, GNU long names, pax. See tar(5).

Only metadata is judged here, not where a name leads: that is the extraction's task.
"""

from __future__ import annotations

from collections.abc import Iterator

from runtime.archive.entry import Entry, Kind
from runtime.archive.header import BLOCK, ZERO_BLOCK, Header, parse_header
from runtime.archive.limits import MAX_NAME_RECORD, MAX_PATH, MAX_PAX_RECORD
from runtime.archive.pax import apply_records, check_global, parse_records, stated_size
from runtime.archive.stream import Stream
from runtime.errors import InvalidSpec

_KINDS = {kind.value: kind for kind in Kind}
_OLD_FILE = b"\0"
_CONTIGUOUS = b"7"
_SECOND = 1_000_000_000
_TIME_LIMIT = 2**40
"""Seconds; the file system clamps further, but must be able to take the number."""


def read_entries(stream: Stream) -> Iterator[Entry]:
    """Yield the members. The caller takes `entry.size` bytes off the stream before it goes on,
    and the padding is passed over here. Raises InvalidSpec("archive", ...)."""
    while (entry := _next_entry(stream)) is not None:
        yield entry
        stream.skip(-entry.size % BLOCK)


def _next_entry(stream: Stream) -> Entry | None:
    long_name = long_link = b""
    records: dict[bytes, bytes] = {}
    while True:
        block = stream.read_or_end(BLOCK)
        if not block or block == ZERO_BLOCK:
            if long_name or long_link or records:
                raise InvalidSpec("archive", "ends between an extended header and its member")
            return None
        header = parse_header(block)
        match header.flag:
            case b"L":
                long_name = _content(stream, header, MAX_NAME_RECORD).split(b"\0", 1)[0]
            case b"K":
                long_link = _content(stream, header, MAX_NAME_RECORD).split(b"\0", 1)[0]
            case b"x":
                records |= parse_records(_content(stream, header, MAX_PAX_RECORD))
            case b"g":
                check_global(parse_records(_content(stream, header, MAX_PAX_RECORD)))
            case _:
                header.name = long_name or header.name
                header.link = long_link or header.link
                return _entry(header, records)


def _content(stream: Stream, header: Header, limit: int) -> bytes:
    if not 0 <= header.size <= limit:
        raise InvalidSpec("archive", f"has an extended header of {header.size} bytes")
    content = stream.read(header.size)
    stream.skip(-header.size % BLOCK)
    return content


def _entry(header: Header, records: dict[bytes, bytes]) -> Entry:
    kind = _kind(header)
    entry = Entry(
        name=header.name,
        kind=kind,
        mode=header.mode,
        uid=header.uid,
        gid=header.gid,
        mtime_ns=header.mtime * _SECOND,
        link=header.link,
        device=header.device,
    )
    if records:
        apply_records(entry, records)
    entry.size = stated_size(records, header.size) if kind is Kind.FILE else 0
    if entry.size < 0:
        raise InvalidSpec("archive", f"{entry.name[:200]!r} has a negative size")
    if abs(entry.mtime_ns) > _TIME_LIMIT * _SECOND:
        entry.mtime_ns = 0
    _check_text(entry.name)
    _check_text(entry.link)
    return entry


def _kind(header: Header) -> Kind:
    flag = header.flag
    if flag in (_OLD_FILE, _CONTIGUOUS):
        old_directory = flag == _OLD_FILE and header.name.endswith(b"/")
        return Kind.DIRECTORY if old_directory else Kind.FILE
    kind = _KINDS.get(flag)
    if kind is not None:
        return kind
    if flag == b"S":
        raise InvalidSpec("archive", f"{header.name[:200]!r} is a GNU sparse file: not supported")
    raise InvalidSpec("archive", f"{header.name[:200]!r} is of the unknown type {flag!r}")


def _check_text(text: bytes) -> None:
    if len(text) > MAX_PATH:
        raise InvalidSpec("archive", f"has a path of {len(text)} bytes, the limit is {MAX_PATH}")
    if b"\0" in text:
        raise InvalidSpec("archive", f"has a NUL in the path {text[:200]!r}")
