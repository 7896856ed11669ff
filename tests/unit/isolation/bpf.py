"""A classic BPF interpreter, as far as seccomp programs go (linux/filter.h, seccomp(2))."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

X86_64, I386, AARCH64, ARM = 0xC000_003E, 0x4000_0003, 0xC000_00B7, 0x4000_0028
ALLOW = "allow"
_JUMPS: dict[int, Callable[[int, int], bool]] = {
    0x15: lambda left, right: left == right,
    0x35: lambda left, right: left >= right,
    0x25: lambda left, right: left > right,
    0x45: lambda left, right: bool(left & right),
}


def decide(program: bytes, architecture: int, number: int, arguments: Sequence[int] = ()) -> str:
    """Return allow, kill, or the errno that `program` answers, as text."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<iIQ6Q", _signed(number), architecture, 0, *padded)
    lines = list(struct.iter_unpack("<HBBI", program))
    accumulator, at = 0, 0
    while True:
        code, if_true, if_false, value = lines[at]
        at += 1
        if code == 0x20:
            assert value % 4 == 0, "the kernel refuses unaligned loads"
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif code == 0x54:
            accumulator &= value
        elif code == 0x05:
            at += value
        elif code == 0x06:
            return _verdict(value)
        else:
            at += if_true if _JUMPS[code](accumulator, value) else if_false


def _signed(number: int) -> int:
    return number - (1 << 32) if number >= 1 << 31 else number


def _verdict(value: int) -> str:
    action, data = value & 0xFFFF_0000, value & 0xFFFF
    return {0x7FFF_0000: ALLOW, 0x8000_0000: "kill"}.get(action) or str(data)
