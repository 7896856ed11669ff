"""Mappings of ids: of user namespaces and of mounts (config-linux.md#user-namespace-mappings)."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.errors import InvalidSpec
from runtime.oci.reading import Fields

_UINT32 = 2**32 - 1
_EXTENTS = 340
"""Lines that an id map holds at most (user_namespaces(7))."""


@dataclass(frozen=True, slots=True)
class IdMapping:
    """Ids `container` to `container + size - 1` inside are those from `host` on outside."""

    container: int
    host: int
    size: int


def parse_mappings(fields: Fields, name: str) -> tuple[IdMapping, ...]:
    """Return the list of mappings `name`. Raises InvalidSpec that names the field."""
    mappings = tuple(
        IdMapping(
            item.required_integer("containerID", least=0, most=_UINT32 - 1),
            item.required_integer("hostID", least=0, most=_UINT32 - 1),
            item.required_integer("size", least=1, most=_UINT32),
        )
        for item in fields.items(name)
    )
    if len(mappings) > _EXTENTS:
        raise InvalidSpec(fields.at(name), f"has more than {_EXTENTS} entries")
    return mappings
