"""Giving rights up for good, without privilege: landlock(7)."""

from __future__ import annotations

import os
import struct

from runtime.abi import LANDLOCK_CREATE_RULESET_VERSION
from runtime.errors import KernelRefused
from runtime.kernel.libc import call


def version() -> int:
    """Return the version of Landlock's interface; 0 where the kernel has none or it is off."""
    try:
        return call("landlock_create_ruleset", None, 0, LANDLOCK_CREATE_RULESET_VERSION)
    except KernelRefused:
        return 0


def deny(*, filesystem: int, network: int = 0, scoped: int = 0) -> None:
    """Give up these actions everywhere; each mask needs a version that knows it.

    no_new_privs must be set. See landlock_create_ruleset(2), landlock_restrict_self(2).
    """
    words = [filesystem, network, scoped]
    while len(words) > 1 and not words[-1]:
        words.pop()
    attributes = struct.pack(f"<{len(words)}Q", *words)
    ruleset = call("landlock_create_ruleset", attributes, len(attributes), 0)
    try:
        call("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)
