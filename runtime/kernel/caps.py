"""Capability sets of the calling thread: capset(2)."""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass

from runtime.abi import LINUX_CAPABILITY_VERSION_3
from runtime.kernel.libc import address_of, call

_LOW = 0xFFFF_FFFF


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """Set the three sets, given as bit masks. See capset(2)."""
    header = struct.pack("<II", LINUX_CAPABILITY_VERSION_3, 0)
    sets = (effective, permitted, inheritable)
    data = struct.pack("<6I", *[mask & _LOW for mask in sets], *[mask >> 32 for mask in sets])
    call("capset", header, data)


@dataclass(frozen=True, slots=True)
class Held:
    """The three sets of a thread, as bit masks."""

    effective: int
    permitted: int
    inheritable: int


def capget() -> Held:
    """Return the sets of the calling thread. See capget(2)."""
    header = struct.pack("<II", LINUX_CAPABILITY_VERSION_3, 0)
    buffer = ctypes.create_string_buffer(24)
    call("capget", header, address_of(buffer))
    words = struct.unpack("<6I", buffer.raw)
    return Held(*(words[place] | words[place + 3] << 32 for place in range(3)))
