"""Pax extended headers, pure (pax(1), "pax Extended Header"; tar(5), SCHILY.xattr)."""

from __future__ import annotations

from runtime.archive.entry import Entry
from runtime.archive.limits import MAX_XATTRS
from runtime.errors import InvalidSpec

_XATTR = b"SCHILY.xattr."
_SPARSE = b"GNU.sparse."
_MAX_NUMBER = 40


def parse_records(content: bytes) -> dict[bytes, bytes]:
    """Return the records of one extended header, later ones winning. Raises InvalidSpec."""
    records: dict[bytes, bytes] = {}
    position = 0
    while position < len(content):
        space = content.find(b" ", position, position + 12)
        digits = content[position:space] if space > 0 else b""
        if not digits.isdigit():
            if not content[position:].strip(b"\0"):
                break
            raise InvalidSpec("archive", "has a damaged pax header: a record without length")
        end = position + int(digits)
        key, equals, value = content[space + 1 : end - 1].partition(b"=")
        if end > len(content) or end <= space or not equals or content[end - 1 : end] != b"\n":
            raise InvalidSpec("archive", "has a damaged pax header: a record of wrong length")
        records[key] = value
        position = end
    return records


def check_global(records: dict[bytes, bytes]) -> None:
    """Refuse a global header that would rename or resize every member; ignore any other."""
    for key in (b"path", b"linkpath", b"size"):
        if key in records:
            raise InvalidSpec("archive", f"sets {key.decode()} for all members at once")


def apply_records(entry: Entry, records: dict[bytes, bytes]) -> None:
    """Let the records override the header's fields. Raises InvalidSpec."""
    if any(key.startswith(_SPARSE) for key in records):
        raise InvalidSpec("archive", f"{entry.name[:200]!r} is a GNU sparse file: not supported")
    entry.name = records.get(b"path") or entry.name
    entry.link = records.get(b"linkpath") or entry.link
    if uid := records.get(b"uid"):
        entry.uid = _whole(b"uid", uid)
    if gid := records.get(b"gid"):
        entry.gid = _whole(b"gid", gid)
    if mtime := records.get(b"mtime"):
        entry.mtime_ns = _nanoseconds(mtime)
    entry.xattrs = {
        key[len(_XATTR) :]: value for key, value in records.items() if key.startswith(_XATTR)
    }
    if len(entry.xattrs) > MAX_XATTRS:
        raise InvalidSpec("archive", f"{entry.name[:200]!r} has more than {MAX_XATTRS} attributes")


def stated_size(records: dict[bytes, bytes], size: int) -> int:
    """Return how many bytes follow: what the records say, else `size`. Raises InvalidSpec."""
    text = records.get(b"size")
    return _whole(b"size", text) if text else size


def _whole(key: bytes, text: bytes) -> int:
    if len(text) > _MAX_NUMBER or not text.isdigit():
        raise InvalidSpec("archive", f"has a damaged pax header: {key.decode()} {text[:40]!r}")
    return int(text)


def _nanoseconds(text: bytes) -> int:
    sign = -1 if text.startswith(b"-") else 1
    whole, _, fraction = text.removeprefix(b"-").partition(b".")
    if len(text) > _MAX_NUMBER or not whole.isdigit() or (fraction and not fraction.isdigit()):
        raise InvalidSpec("archive", f"has a damaged pax header: mtime {text[:40]!r}")
    return sign * (int(whole) * 1_000_000_000 + int(fraction[:9].ljust(9, b"0")))
