"""The rules of devices on v2, as an extended BPF program over struct bpf_cgroup_dev_ctx.

The context is {u32 access_type (access << 16 | type), u32 major, u32 minor}, with type 1 for
block and 2 for character devices, and access bits 1 mknod, 2 read, 4 write (linux/bpf.h).
"""

from __future__ import annotations

import os
import struct

from runtime.kernel import bpf
from runtime.oci.config_resources import DeviceRule

_TYPES = {"b": 1, "c": 2}
_ACCESS = {"m": 1, "r": 2, "w": 4}

# linux/bpf.h opcodes
_LOAD_WORD = 0x61
_AND = 0x54
_SHIFT_RIGHT = 0x74
_MOVE_REGISTER = 0xBC
_MOVE = 0xB7
_JUMP_EQUAL = 0x15
_JUMP_NOT_EQUAL = 0x55
_EXIT = 0x95
_INSTRUCTION_BYTES = 8


def compile_rules(rules: tuple[DeviceRule, ...]) -> bytes:
    """Return a program in which the last rule that fits an access decides; none denies. Pure.

    As with v1, an allowing rule fits an access all of which it names, a denying one an access any
    of which it names.
    """
    program = _load(2, 0) + _instruction(_AND, 2, 0, 0, 0xFFFF)
    program += _load(3, 0) + _instruction(_SHIFT_RIGHT, 3, 0, 0, 16)
    program += _load(4, 4) + _load(5, 8)
    for rule in reversed(rules):
        program += _rule(rule)
    return program + _verdict(0)


def restrict(cgroup: int, rules: tuple[DeviceRule, ...]) -> None:
    """Attach `rules` to a v2 group's directory. Raises KernelRefused."""
    program = bpf.load_device_program(compile_rules(rules))
    try:
        bpf.attach_device_program(cgroup, program)
    finally:
        os.close(program)


def _rule(rule: DeviceRule) -> bytes:
    """Return the verdict behind its tests; each that fails jumps over what follows."""
    tests = [(2, _TYPES[rule.kind])] if rule.kind != "a" else []
    tests += [(4, rule.major)] if rule.major is not None else []
    tests += [(5, rule.minor)] if rule.minor is not None else []
    access = sum(_ACCESS[letter] for letter in set(rule.access))
    body = _verdict(int(rule.allow))
    asked = _instruction(_MOVE_REGISTER, 1, 3, 0, 0)
    if rule.allow:
        asked += _instruction(_AND, 1, 0, 0, 7 & ~access)
        asked += _instruction(_JUMP_NOT_EQUAL, 1, 0, _length(body), 0)
    else:
        asked += _instruction(_AND, 1, 0, 0, access)
        asked += _instruction(_JUMP_EQUAL, 1, 0, _length(body), 0)
    code = asked + body
    for register, value in reversed(tests):
        code = _instruction(_JUMP_NOT_EQUAL, register, 0, _length(code), value) + code
    return code


def _length(code: bytes) -> int:
    return len(code) // _INSTRUCTION_BYTES


def _load(register: int, offset: int) -> bytes:
    return _instruction(_LOAD_WORD, register, 1, offset, 0)


def _verdict(allowed: int) -> bytes:
    return _instruction(_MOVE, 0, 0, 0, allowed) + _instruction(_EXIT, 0, 0, 0, 0)


def _instruction(code: int, destination: int, source: int, offset: int, value: int) -> bytes:
    return struct.pack("<BBhi", code, source << 4 | destination, offset, value)
