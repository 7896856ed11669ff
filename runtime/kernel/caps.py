"""Capability sets of the calling thread: capset(2)."""

from __future__ import annotations

import struct

from runtime.abi import LINUX_CAPABILITY_VERSION_3
from runtime.kernel.libc import call

_LOW = 0xFFFF_FFFF


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """Set the three sets, given as bit masks. See capset(2)."""
    header = struct.pack("<II", LINUX_CAPABILITY_VERSION_3, 0)
    sets = (effective, permitted, inheritable)
    data = struct.pack("<6I", *[mask & _LOW for mask in sets], *[mask >> 32 for mask in sets])
    call("capset", header, data)
