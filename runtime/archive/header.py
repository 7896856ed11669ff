"""The 512-byte tar header, pure (tar(5): ustar, GNU; numbers in octal or base-256)."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.errors import InvalidSpec

BLOCK = 512
ZERO_BLOCK = bytes(BLOCK)

_USTAR = b"ustar\x00"
_MODE = slice(100, 108)
_UID = slice(108, 116)
_GID = slice(116, 124)
_SIZE = slice(124, 136)
_MTIME = slice(136, 148)
_CHECKSUM = slice(148, 156)
_LINK = slice(157, 257)
_MAGIC = slice(257, 263)
_MAJOR = slice(329, 337)
_MINOR = slice(337, 345)
_PREFIX = slice(345, 500)


@dataclass(slots=True)
class Header:
    """One header block, before the long names and pax records ahead of it are applied."""

    name: bytes
    flag: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    link: bytes
    device: tuple[int, int]


def parse_header(block: bytes) -> Header:
    """Return what a header block says. Raises InvalidSpec("archive", ...) if it is damaged."""
    _check_sum(block)
    name = block[:100].split(b"\0", 1)[0]
    flag = block[156:157]
    if block[_MAGIC] == _USTAR and block[345]:
        name = block[_PREFIX].split(b"\0", 1)[0] + b"/" + name
    devices = flag in b"34"
    return Header(
        name,
        flag,
        parse_number(block[_MODE]) & 0o7777,
        parse_number(block[_UID]),
        parse_number(block[_GID]),
        parse_number(block[_SIZE]),
        parse_number(block[_MTIME]),
        block[_LINK].split(b"\0", 1)[0],
        (parse_number(block[_MAJOR]), parse_number(block[_MINOR])) if devices else (0, 0),
    )


def parse_number(field: bytes) -> int:
    """Return a header field's number: octal text, or base-256 where the top bit is set."""
    first = field[0]
    if first & 0x80:
        value = int.from_bytes(field, "big")
        bits = 8 * len(field)
        return value - (1 << bits) if first & 0x40 else value - (1 << (bits - 1))
    text = field.split(b"\0", 1)[0].strip(b" ")
    if not text:
        return 0
    if text.strip(b"01234567"):
        raise InvalidSpec("archive", f"has a damaged header: {field!r} is no octal number")
    return int(text, 8)


def _check_sum(block: bytes) -> None:
    """The sum counts its own field as blanks; old tars summed signed bytes (tar(5))."""
    stated = parse_number(block[_CHECKSUM])
    total = sum(block) - sum(block[_CHECKSUM]) + 8 * 0x20
    if total == stated:
        return
    negative = sum(1 for byte in block[:148] + block[156:] if byte & 0x80)
    if total - 256 * negative != stated:
        raise InvalidSpec("archive", "is no tar, or has a damaged header: wrong checksum")
