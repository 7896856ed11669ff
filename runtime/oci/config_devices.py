"""`linux.devices` of config.json: nodes to make (runtime-spec, config-linux.md#devices)."""

from __future__ import annotations

import stat
from dataclasses import dataclass

from runtime.errors import InvalidSpec
from runtime.oci.reading import Fields

_UINT32 = 2**32 - 1
KINDS = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}
"""How config-linux.md spells a kind of node -> its type (inode(7))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A node to make; `mode` has its type and its permissions."""

    path: str
    mode: int
    major: int
    minor: int
    uid: int
    gid: int


def parse_device(fields: Fields) -> Device:
    """Parse one node. Raises InvalidSpec naming the field."""
    kind = fields.choice("type", tuple(KINDS))
    if not kind:
        raise InvalidSpec(fields.at("type"), "is required")
    path = fields.required_text("path")
    if not path.startswith("/") or path.endswith("/"):
        raise InvalidSpec(fields.at("path"), f"{path!r} is not the absolute path of a file")
    numbered = kind != "p"
    numbers = [
        fields.required_integer(name, least=0, most=_UINT32) if numbered else 0
        for name in ("major", "minor")
    ]
    mode = fields.integer("fileMode", least=0, most=0o177777)
    return Device(
        path=path,
        mode=KINDS[kind] | (0o666 if mode is None else mode & 0o7777),
        major=numbers[0],
        minor=numbers[1],
        uid=fields.integer("uid", least=0, most=_UINT32 - 1) or 0,
        gid=fields.integer("gid", least=0, most=_UINT32 - 1) or 0,
    )
