"""Plain, gzip and zstd streams, told apart by their first bytes, unpacked in bounded pieces.

isal does gzip several times as fast as zlib and is used where it is installed.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import Any

import zstandard

from runtime.errors import InvalidSpec

_gzip: Any
try:
    from isal import isal_zlib as _gzip
except ImportError:
    _gzip = zlib

PIECE = 512 * 1024
"""Bytes that are read at once, and the most that one decompressed piece has."""

MAX_WINDOW = 128 * 1024 * 1024
"""Bytes of memory that a zstd frame may ask for; `zstd --long` asks for 128 MiB."""

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_GZIP_HEADER = 31
_OTHERS = {b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x04\x22\x4d\x18": "lz4"}


class RawFile:
    """A descriptor read from where it stands; counts its bytes in `total`."""

    def __init__(self, fd: int) -> None:
        self.total = 0
        self._fd = fd
        self._ahead = b""

    def read(self, size: int = PIECE) -> bytes:
        """Return up to `size` bytes; none at the end."""
        if self._ahead:
            piece, self._ahead = self._ahead[:size], self._ahead[size:]
            return piece
        piece = os.read(self._fd, size)
        self.total += len(piece)
        return piece

    def peek(self) -> bytes:
        """Return the next bytes (8 or more, if there are so many) without taking them."""
        while len(self._ahead) < 8 and (piece := os.read(self._fd, PIECE)):
            self.total += len(piece)
            self._ahead += piece
        return self._ahead


def decompress(raw: RawFile) -> Iterator[bytes]:
    """Yield what `raw` unpacks to, in pieces of at most `PIECE` bytes.

    Raises InvalidSpec("archive", ...) for damaged, cut off or unknown compression.
    """
    start = raw.peek()
    if start.startswith(_GZIP):
        return _gunzip(raw)
    if start.startswith(_ZSTD) or _is_skippable(start):
        return _unzstd(raw)
    for magic, name in _OTHERS.items():
        if start.startswith(magic):
            raise InvalidSpec("archive", f"is compressed with {name}; gzip and zstd are supported")
    return iter(raw.read, b"")


def _gunzip(raw: RawFile) -> Iterator[bytes]:
    """Members may follow one another, and zeros may fill the end (gzip(1))."""
    rest = raw.read()
    while rest := _without_padding(raw, rest):
        stream = _gzip.decompressobj(_GZIP_HEADER)
        while not stream.eof:
            piece = _inflate(stream, rest)
            if piece:
                yield piece
            rest = stream.unconsumed_tail
            if not piece and not rest and not stream.eof:
                rest = raw.read()
                if not rest:
                    raise InvalidSpec("archive", "has gzip data that is cut off")
        rest = stream.unused_data or rest


def _without_padding(raw: RawFile, rest: bytes) -> bytes:
    while not (rest := rest.lstrip(b"\0")):
        rest = raw.read()
        if not rest:
            return b""
    return rest


def _inflate(stream: Any, rest: bytes) -> bytes:
    """Asked with nothing in hand, it gives what it still holds back."""
    try:
        piece: bytes = stream.decompress(rest, PIECE)
    except _gzip.error as error:
        raise InvalidSpec("archive", f"has damaged gzip data: {error}") from None
    return piece


def _unzstd(raw: RawFile) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
    source: Any = raw
    reader = decompressor.stream_reader(source, read_size=PIECE, read_across_frames=True)
    try:
        while piece := reader.read(PIECE):
            yield piece
    except zstandard.ZstdError as error:
        raise InvalidSpec("archive", f"has damaged zstd data: {error}") from None


def _is_skippable(start: bytes) -> bool:
    return len(start) >= 4 and start[1:4] == b"\x2a\x4d\x18" and 0x50 <= start[0] <= 0x5F
