"""Write tar archives, with pax headers where a field does not fit ustar; always the same bytes."""

from __future__ import annotations

from collections.abc import Callable

from runtime.archive.entry import Entry, Kind
from runtime.archive.header import BLOCK

_SECOND = 1_000_000_000
_SMALL = 8**7
_LARGE = 8**11


class TarWriter:
    """Hands the archive to `write` piece by piece; call `close` for its end mark."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write

    def add(self, entry: Entry, content: bytes = b"") -> None:
        """Write one member; `entry.size` is taken from `content`."""
        entry.size = len(content)
        if records := _records(entry):
            body = b"".join(_record(key, value) for key, value in sorted(records.items()))
            self._write(_header(b"pax", b"x", Entry(name=b"", kind=Kind.FILE, size=len(body))))
            self._padded(body)
        self._write(_header(entry.name, entry.kind.value, entry))
        self._padded(content)

    def close(self) -> None:
        """Write the end of the archive, two blocks of zeros."""
        self._write(bytes(2 * BLOCK))

    def _padded(self, content: bytes) -> None:
        self._write(content)
        self._write(bytes(-len(content) % BLOCK))


def _records(entry: Entry) -> dict[bytes, bytes]:
    records = {b"SCHILY.xattr." + key: value for key, value in entry.xattrs.items()}
    if len(entry.name) > 100:
        records[b"path"] = entry.name
    if len(entry.link) > 100:
        records[b"linkpath"] = entry.link
    for key, number, limit in (
        (b"uid", entry.uid, _SMALL),
        (b"gid", entry.gid, _SMALL),
        (b"size", entry.size, _LARGE),
    ):
        if number >= limit:
            records[key] = b"%d" % number
    if not _fits_seconds(entry.mtime_ns):
        sign = b"-" if entry.mtime_ns < 0 else b""
        records[b"mtime"] = sign + b"%d.%09d" % divmod(abs(entry.mtime_ns), _SECOND)
    return records


def _fits_seconds(mtime_ns: int) -> bool:
    return mtime_ns % _SECOND == 0 and 0 <= mtime_ns // _SECOND < _LARGE


def _record(key: bytes, value: bytes) -> bytes:
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    while rest + len(str(length)) != length:
        length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def _header(name: bytes, flag: bytes, entry: Entry) -> bytes:
    seconds = entry.mtime_ns // _SECOND
    fields = (
        (name[:100], 100),
        (b"%07o" % (entry.mode & 0o7777), 8),
        (b"%07o" % (entry.uid if entry.uid < _SMALL else 0), 8),
        (b"%07o" % (entry.gid if entry.gid < _SMALL else 0), 8),
        (b"%011o" % (entry.size if entry.size < _LARGE else 0), 12),
        (b"%011o" % (seconds if 0 <= seconds < _LARGE else 0), 12),
        (b" " * 8, 8),
        (flag, 1),
        (entry.link[:100], 100),
        (b"ustar\x0000", 8),
        (b"", 64),
        (b"%07o" % entry.device[0], 8),
        (b"%07o" % entry.device[1], 8),
    )
    block = b"".join(text.ljust(width, b"\0") for text, width in fields).ljust(BLOCK, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]
