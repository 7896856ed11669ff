"""What a name says about the layers below: image-spec, layer.md, "Whiteouts". Pure."""

from __future__ import annotations

from enum import Enum

from runtime.errors import InvalidSpec

_PREFIX = b".wh."
_OPAQUE = b".wh..wh..opq"
_RESERVED = b".wh..wh."


class Mark(Enum):
    """How a member's last name is to be taken."""

    PLAIN = "a member like any other"
    HIDE = "hide the name that follows the prefix"
    OPAQUE = "hide all that lies below the directory"
    IGNORE = "bookkeeping of AUFS"


def read_mark(name: bytes) -> tuple[Mark, bytes]:
    """Return what the last name of a path means, and the name it is about.

    Raises InvalidSpec for marks that would hide `.`, `..` or nothing.
    """
    if not name.startswith(_PREFIX):
        return Mark.PLAIN, name
    if name == _OPAQUE:
        return Mark.OPAQUE, b""
    if name.startswith(_RESERVED):
        return Mark.IGNORE, b""
    hidden = name[len(_PREFIX) :]
    if hidden in (b"", b".", b".."):
        raise InvalidSpec("archive", f"has the whiteout {name!r}, which hides no name")
    return Mark.HIDE, hidden
