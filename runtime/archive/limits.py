"""How much one archive may make the engine write, read or remember."""

from __future__ import annotations

from dataclasses import dataclass

MAX_PATH = 4095
"""Bytes of a path, PATH_MAX less its NUL (limits.h)."""

MAX_COMPONENT = 255
"""Bytes of one name, NAME_MAX (limits.h)."""

MAX_DEPTH = 256
"""Directories below one another."""

MAX_NAME_RECORD = 64 * 1024
"""Bytes of a GNU long name; longer ones are refused unread."""

MAX_PAX_RECORD = 1024 * 1024
"""Bytes of one pax header; extended attributes are at most 64 KiB each (xattr(7))."""

MAX_XATTRS = 64

RATIO_FREE = 512 * 1024 * 1024
"""Bytes that any archive may unpack to before its compression ratio is looked at."""

MAX_ID = 2**31 - 1
"""User and group ids above are refused: some programs take them for negative numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one unpacking. `unpacked` and `file` are bytes; `ratio` is unpacked bytes for each
    compressed byte, looked at from `RATIO_FREE` unpacked bytes on."""

    unpacked: int = 32 * 1024**3
    inodes: int = 1_000_000
    ratio: int = 100
