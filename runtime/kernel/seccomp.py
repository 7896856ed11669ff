"""Installing a system call filter: seccomp(2)."""

from __future__ import annotations

import ctypes
import struct

from runtime.abi import SECCOMP_SET_MODE_FILTER
from runtime.kernel.libc import address_of, call

_INSTRUCTION = 8


def install_filter(program: bytes, *, flags: int = 0) -> None:
    """Filter every later system call through a classic BPF `program`.

    `flags` are SECCOMP_FILTER_FLAG_* bits. See seccomp(2).
    """
    buffer = ctypes.create_string_buffer(program, len(program))
    descriptor = struct.pack("<HxxxxxxQ", len(program) // _INSTRUCTION, address_of(buffer))
    call("seccomp", SECCOMP_SET_MODE_FILTER, flags, descriptor)
