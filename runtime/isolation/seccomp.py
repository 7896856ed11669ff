"""The default system call filter: Docker's policy or stricter, as classic BPF (seccomp(2)).

Every number that is not refused is allowed up to the newest one judged; later ones are answered
ENOSYS, so that programs fall back. x32 is answered ENOSYS as a whole, other architectures too.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from runtime.errors import InvalidSpec
from runtime.isolation import capabilities
from runtime.isolation.syscalls import (
    CLONE,
    CLONE3,
    NEWEST,
    PERSONALITY,
    REFUSED,
    SOCKET,
    SOCKETCALL,
)

ALLOW = 0x7FFF_0000
ERRNO = 0x0005_0000
EPERM, ENOSYS = 1, 38
ARCHITECTURES = {
    "x86_64": ((0xC000_003E, 0), (0x4000_0003, 1)),
    "aarch64": ((0xC000_00B7, 2),),
}
"""For each machine (uname(2)): audit architecture and column of the tables."""

CLONE_NAMESPACES = 0x7E02_0000
"""CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET (clone(2)); a time namespace needs clone3."""
PERSONALITIES = (0x0, 0x8, 0x2_0000, 0x2_0008, 0xFFFF_FFFF)
AF_ALG, AF_VSOCK = 38, 40
SYS_SOCKET = 1

_LOAD, _RETURN, _JUMP, _EQUAL, _AT_LEAST, _ANY_BIT = 0x20, 0x06, 0x05, 0x15, 0x35, 0x45
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_LONGEST_JUMP = 255

Code = tuple[tuple[int, int, int, int], ...]


@lru_cache(maxsize=64)
def default_program(machine: str, permitted: int) -> bytes:
    """Return the filter for `machine` where the capabilities in the mask `permitted` are kept.

    Raises InvalidSpec("seccomp", ...) for a machine whose numbers are not known.
    """
    if machine not in ARCHITECTURES:
        raise InvalidSpec("seccomp", f"there is no default filter for {machine}")
    code: Code = (_refuse(ENOSYS),)
    for architecture, column in reversed(ARCHITECTURES[machine]):
        body = _body(column, permitted)
        code = (*_unless_equal(architecture, len(body)), *body, *code)
    return b"".join(struct.pack("<HBBI", *one) for one in ((_LOAD, 0, 0, _ARCHITECTURE), *code))


def _body(column: int, permitted: int) -> Code:
    """Return what judges one architecture; it always ends in a return."""
    leaves = _leaves(column, permitted)
    return ((_LOAD, 0, 0, _NUMBER), *_tree(leaves))


def _leaves(column: int, permitted: int) -> list[tuple[int, Code]]:
    """Return (first number, what happens from there on) in order of numbers."""
    special = _special(column, permitted)
    for capability, *numbers in REFUSED.values():
        number = numbers[column]
        kept = bool(capability) and bool(permitted & capabilities.mask((capability,)))
        if number is not None and not kept:
            special[number] = (_refuse(EPERM),)
    allow: Code = ((_RETURN, 0, 0, ALLOW),)
    leaves: list[tuple[int, Code]] = [(0, allow)]
    for number in sorted(special):
        leaves += [(number, special[number]), (number + 1, allow)]
    leaves.append((NEWEST + 1, (_refuse(ENOSYS),)))
    return _merged(leaves)


def _merged(leaves: list[tuple[int, Code]]) -> list[tuple[int, Code]]:
    last_of_each = dict(leaves)
    merged: list[tuple[int, Code]] = []
    for number in sorted(last_of_each):
        if not merged or merged[-1][1] != last_of_each[number]:
            merged.append((number, last_of_each[number]))
    return merged


def _special(column: int, permitted: int) -> dict[int, Code]:
    """Return the calls whose arguments count. Without CAP_SYS_ADMIN, no new namespaces."""
    special: dict[int, Code] = {
        PERSONALITY[column]: _only(PERSONALITIES),
        SOCKET[column]: _all_but(AF_ALG, AF_VSOCK),
    }
    if not permitted & capabilities.mask(("CAP_SYS_ADMIN",)):
        # clone3 has its flags in memory, which a filter cannot read: libc falls back to clone.
        special[CLONE3[column]] = (_refuse(ENOSYS),)
        special[CLONE[column]] = (
            (_LOAD, 0, 0, _FIRST_ARGUMENT),
            (_ANY_BIT, 0, 1, CLONE_NAMESPACES),
            _refuse(EPERM),
            (_RETURN, 0, 0, ALLOW),
        )
    if column == 1:
        # The family is in memory here, so the old door to socket is closed altogether.
        special[SOCKETCALL] = _all_but(SYS_SOCKET)
    return special


def _only(values: tuple[int, ...]) -> Code:
    tests = tuple((_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values))
    return ((_LOAD, 0, 0, _FIRST_ARGUMENT), *tests, _refuse(EPERM), (_RETURN, 0, 0, ALLOW))


def _all_but(*values: int) -> Code:
    tests = tuple((_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values))
    return ((_LOAD, 0, 0, _FIRST_ARGUMENT), *tests, (_RETURN, 0, 0, ALLOW), _refuse(EPERM))


def _tree(leaves: list[tuple[int, Code]]) -> Code:
    """Search the number among the leaves by halves."""
    if len(leaves) == 1:
        return leaves[0][1]
    middle = len(leaves) // 2
    low, high = _tree(leaves[:middle]), _tree(leaves[middle:])
    number = leaves[middle][0]
    if len(low) <= _LONGEST_JUMP:
        return ((_AT_LEAST, len(low), 0, number), *low, *high)
    return ((_AT_LEAST, 0, 1, number), (_JUMP, 0, 0, len(low)), *low, *high)


def _unless_equal(value: int, skipped: int) -> Code:
    """Skip the next `skipped` instructions unless the accumulator is `value`."""
    return ((_EQUAL, 1, 0, value), (_JUMP, 0, 0, skipped))


def _refuse(number: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, ERRNO | number)
