"""When the calling thread runs and reads disks: sched_setattr(2), ioprio_set(2)."""

from __future__ import annotations

import struct

from runtime.abi import IOPRIO_CLASS_SHIFT, IOPRIO_WHO_PROCESS
from runtime.kernel.libc import call

_ATTRIBUTES = struct.Struct("<IIQiIQQQII")
"""struct sched_attr of its second version, with the two clamps (sched_setattr(2))."""


def sched_setattr(
    policy: int, flags: int, nice: int, priority: int, deadline: tuple[int, int, int]
) -> None:
    """Set the scheduling policy; `deadline` is runtime, deadline and period in nanoseconds.

    See sched_setattr(2).
    """
    attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, policy, flags, nice, priority, *deadline, 0, 0)
    call("sched_setattr", 0, attributes, 0)


def ioprio_set(kind: int, priority: int) -> None:
    """Set before whom disks are read. See ioprio_set(2)."""
    call("ioprio_set", IOPRIO_WHO_PROCESS, 0, kind << IOPRIO_CLASS_SHIFT | priority)
