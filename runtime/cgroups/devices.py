"""The device allow-list on v2, as an extended BPF program over struct bpf_cgroup_dev_ctx.

The context is {u32 access_type (access << 16 | type), u32 major, u32 minor}, with type 1 for
block and 2 for character devices, and access bits 1 mknod, 2 read, 4 write (linux/bpf.h).
"""

from __future__ import annotations

import os
import struct

from runtime.cgroups.plan import ALLOWED_DEVICES
from runtime.kernel import bpf

_TYPES = {"b": 1, "c": 2}
_ACCESS = {"m": 1, "r": 2, "w": 4}

# linux/bpf.h opcodes
_LOAD_WORD = 0x61
_AND = 0x54
_SHIFT_RIGHT = 0x74
_MOVE_REGISTER = 0xBC
_MOVE = 0xB7
_JUMP_NOT_EQUAL = 0x55
_EXIT = 0x95


def compile_rules(
    rules: tuple[tuple[str, int | None, int | None, str], ...] = ALLOWED_DEVICES,
) -> bytes:
    """Return a program that allows what a rule of (type, major, minor, access) covers. Pure."""
    program = _load(2, 0) + _instruction(_AND, 2, 0, 0, 0xFFFF)
    program += _load(3, 0) + _instruction(_SHIFT_RIGHT, 3, 0, 0, 16)
    program += _load(4, 4) + _load(5, 8)
    for kind, major, minor, access in rules:
        program += _rule(_TYPES[kind], major, minor, sum(_ACCESS[letter] for letter in access))
    return program + _verdict(0)


def restrict(cgroup: int) -> None:
    """Attach the default allow-list to a v2 group's directory. Raises KernelRefused."""
    program = bpf.load_device_program(compile_rules())
    try:
        bpf.attach_device_program(cgroup, program)
    finally:
        os.close(program)


def _rule(kind: int, major: int | None, minor: int | None, access: int) -> bytes:
    tests = [(2, kind)]
    tests += [(4, major)] if major is not None else []
    tests += [(5, minor)] if minor is not None else []
    body = _instruction(_MOVE_REGISTER, 1, 3, 0, 0) + _instruction(_AND, 1, 0, 0, 7 & ~access)
    checks = [*tests, (1, 0)]
    accept = _verdict(1)
    code = b""
    for number, (register, value) in enumerate(checks):
        if number == len(tests):
            code += body
        left = len(checks) - number - 1
        skip = left + (2 if number < len(tests) else 0) + len(accept) // 8
        code += _instruction(_JUMP_NOT_EQUAL, register, 0, skip, value)
    return code + accept


def _load(register: int, offset: int) -> bytes:
    return _instruction(_LOAD_WORD, register, 1, offset, 0)


def _verdict(allowed: int) -> bytes:
    return _instruction(_MOVE, 0, 0, 0, allowed) + _instruction(_EXIT, 0, 0, 0, 0)


def _instruction(code: int, destination: int, source: int, offset: int, value: int) -> bytes:
    return struct.pack("<BBhi", code, source << 4 | destination, offset, value)
