"""A system call filter from an OCI profile: linux.seccomp of config.json as classic BPF. Pure.

The first rule that fits decides. Architectures that the profile does not list end the process, as
libseccomp does; the machine's own is always listed. Names that an architecture has not are passed
over, as config-linux.md allows: profiles are written for many kernels. See seccomp(2).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

from runtime.abi import X32_SYSCALL_BIT
from runtime.errors import InvalidSpec
from runtime.isolation.seccomp import Code, tree
from runtime.isolation.syscall_names import numbers
from runtime.oci.config_seccomp import Action, Condition, Rule, Seccomp

_LOAD, _RETURN, _JUMP, _EQUAL = 0x20, 0x06, 0x05, 0x15
_GREATER, _AT_LEAST, _AND = 0x25, 0x35, 0x54
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_KILL_PROCESS = 0x8000_0000
_LONGEST_PROGRAM = 4096
"""Instructions (BPF_MAXINSNS)."""
_RETURNS = {
    "SCMP_ACT_ALLOW": 0x7FFF_0000,
    "SCMP_ACT_LOG": 0x7FFC_0000,
    "SCMP_ACT_TRACE": 0x7FF0_0000,
    "SCMP_ACT_ERRNO": 0x0005_0000,
    "SCMP_ACT_TRAP": 0x0003_0000,
    "SCMP_ACT_KILL": 0,
    "SCMP_ACT_KILL_THREAD": 0,
    "SCMP_ACT_KILL_PROCESS": _KILL_PROCESS,
}
_FLAGS = {
    "SECCOMP_FILTER_FLAG_TSYNC": 1,
    "SECCOMP_FILTER_FLAG_LOG": 2,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 4,
}
_ARCHITECTURES = {
    "SCMP_ARCH_X86_64": (0xC000_003E, 0),
    "SCMP_ARCH_X86": (0x4000_0003, 1),
    "SCMP_ARCH_AARCH64": (0xC000_00B7, 2),
}
"""Audit architecture (linux/audit.h) and column of the table of names."""
_OWN = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
_X32 = "SCMP_ARCH_X32"
_OTHERS = tuple(
    f"SCMP_ARCH_{name}"
    for name in (
        *("ARM", "MIPS", "MIPS64", "MIPS64N32", "MIPSEL", "MIPSEL64", "MIPSEL64N32", "PPC"),
        *("PPC64", "PPC64LE", "S390", "S390X", "PARISC", "PARISC64", "RISCV64", "LOONGARCH64"),
        *("M68K", "SH", "SHEB"),
    )
)
"""Known, but no machine that this engine runs on executes them with a table of ours."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What seccomp(2) takes: a program and SECCOMP_FILTER_FLAG_* bits."""

    program: bytes
    flags: int


@lru_cache(maxsize=8)
def compile_profile(seccomp: Seccomp, machine: str) -> Filter:
    """Return the filter of a profile on `machine` (uname -m).

    Raises InvalidSpec for an unknown architecture, or a profile too long for the kernel.
    """
    if machine not in _OWN:
        raise InvalidSpec("linux.seccomp", f"the system calls of {machine} are not known")
    code: Code = ((_RETURN, 0, 0, _KILL_PROCESS),)
    for name in reversed(_listed(seccomp, machine)):
        audit, column = _ARCHITECTURES[name]
        body = _body(seccomp, column)
        if column == 0:
            body = (*_judge_x32(seccomp, body),)
        code = ((_EQUAL, 1, 0, audit), (_JUMP, 0, 0, len(body)), *body, *code)
    code = ((_LOAD, 0, 0, _ARCHITECTURE), *code)
    if len(code) > _LONGEST_PROGRAM:
        reason = f"makes {len(code)} instructions, at most {_LONGEST_PROGRAM} are possible"
        raise InvalidSpec("linux.seccomp.syscalls", reason)
    program = b"".join(struct.pack("<HBBI", *instruction) for instruction in code)
    return Filter(program, sum(_FLAGS[flag] for flag in set(seccomp.flags)))


def architectures(machine: str) -> tuple[str, ...]:
    """Return the architectures whose calls are judged by name on `machine` (uname -m)."""
    own = _OWN.get(machine)
    if own is None:
        return ()
    return (own, "SCMP_ARCH_X86", _X32) if own == "SCMP_ARCH_X86_64" else (own,)


def _listed(seccomp: Seccomp, machine: str) -> list[str]:
    """Return the architectures to judge, the machine's own first."""
    own = _OWN[machine]
    listed = [own]
    for place, name in enumerate(seccomp.architectures):
        if name not in (*_ARCHITECTURES, *_OTHERS, _X32):
            field = f"linux.seccomp.architectures[{place}]"
            raise InvalidSpec(field, f"{name!r} is not an architecture")
        runs_here = (own, name) == ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86")
        if runs_here and name not in listed:
            listed.append(name)
    return listed


def _judge_x32(seccomp: Seccomp, body: Code) -> Code:
    """Judge a number of x32 as that of x86_64 where x32 is listed; else end the process.

    The accumulator is not kept: `body` begins by loading the number, which is taken again here.
    """
    number = (_LOAD, 0, 0, _NUMBER)
    if _X32 in seccomp.architectures:
        return (number, (_AND, 0, 0, ~X32_SYSCALL_BIT & 0xFFFF_FFFF), *body[1:])
    return (number, (_AT_LEAST, 0, 1, X32_SYSCALL_BIT), (_RETURN, 0, 0, _KILL_PROCESS), *body[1:])


def _body(seccomp: Seccomp, column: int) -> Code:
    """Return what judges one architecture; it begins with the load of the number."""
    default: Code = (_return(seccomp.default),)
    judged = _by_number(seccomp.rules, column)
    leaves: list[tuple[int, Code]] = [(0, default)]
    for number in sorted(judged):
        for place, code in ((number, _first_fit(judged[number], default)), (number + 1, default)):
            if leaves[-1][0] == place:
                leaves.pop()
            if not leaves or leaves[-1][1] != code:
                leaves.append((place, code))
    return ((_LOAD, 0, 0, _NUMBER), *tree(leaves))


def _by_number(rules: tuple[Rule, ...], column: int) -> dict[int, list[Rule]]:
    known = numbers(column)
    judged: dict[int, list[Rule]] = {}
    for rule in rules:
        for name in rule.names:
            if name in known:
                judged.setdefault(known[name], []).append(rule)
    return judged


def _first_fit(rules: list[Rule], default: Code) -> Code:
    code: Code = ()
    for rule in rules:
        verdict = (_return(rule.action),)
        if not rule.conditions:
            return (*code, *verdict)
        code = (*code, *_when(rule.conditions, verdict))
    return (*code, *default)


def _when(conditions: tuple[Condition, ...], body: Code) -> Code:
    """Run `body` if all conditions hold, else go on behind it."""
    for condition in reversed(conditions):
        body = (*_test(condition, len(body)), *body)
    return body


def _test(condition: Condition, skipped: int) -> Code:
    """Fall through where the condition holds; else skip the next `skipped` instructions.

    Arguments are 64 bits and are compared by halves, the upper one first (little endian).
    """
    low_at = _ARGUMENTS + 8 * condition.index
    low, high = (_LOAD, 0, 0, low_at), (_LOAD, 0, 0, low_at + 4)
    value_low, value_high = condition.value & 0xFFFF_FFFF, condition.value >> 32
    match condition.operator:
        case "SCMP_CMP_EQ":
            return (
                *(high, (_EQUAL, 0, skipped + 2, value_high)),
                *(low, (_EQUAL, 0, skipped, value_low)),
            )
        case "SCMP_CMP_NE":
            return (
                *(high, (_EQUAL, 0, 2, value_high)),
                *(low, (_EQUAL, skipped, 0, value_low)),
            )
        case "SCMP_CMP_MASKED_EQ":
            return _test_masked(condition, skipped)
        case _:
            return _test_order(condition, skipped)


def _test_masked(condition: Condition, skipped: int) -> Code:
    """`value` is the mask and `second` what is left of the argument."""
    low_at = _ARGUMENTS + 8 * condition.index
    wanted = condition.second
    return (
        (_LOAD, 0, 0, low_at + 4),
        (_AND, 0, 0, condition.value >> 32),
        (_EQUAL, 0, skipped + 3, wanted >> 32),
        (_LOAD, 0, 0, low_at),
        (_AND, 0, 0, condition.value & 0xFFFF_FFFF),
        (_EQUAL, 0, skipped, wanted & 0xFFFF_FFFF),
    )


def _test_order(condition: Condition, skipped: int) -> Code:
    """Compare with < <= >= >: the upper halves decide unless they are equal."""
    low_at = _ARGUMENTS + 8 * condition.index
    above = condition.operator in ("SCMP_CMP_GT", "SCMP_CMP_GE")
    compare = _AT_LEAST if condition.operator in ("SCMP_CMP_GE", "SCMP_CMP_LT") else _GREATER
    value_low, value_high = condition.value & 0xFFFF_FFFF, condition.value >> 32
    if above:
        first, last = (_GREATER, 3, 0, value_high), (compare, 0, skipped, value_low)
    else:
        first, last = (_GREATER, skipped + 3, 0, value_high), (compare, skipped, 0, value_low)
    differs = skipped + 2 if above else 2
    return (
        (_LOAD, 0, 0, low_at + 4),
        first,
        (_EQUAL, 0, differs, value_high),
        (_LOAD, 0, 0, low_at),
        last,
    )


def _return(action: Action) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _RETURNS[action.name] | action.errno)
