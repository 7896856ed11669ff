"""The default system call filter: Docker's policy or stricter, as classic BPF (seccomp(2)).

Every number that was judged and is not refused is allowed; those that mean nothing yet are answered
ENOSYS, so that programs fall back. x32 is answered ENOSYS as a whole, other architectures too.
Families of sockets and what a terminal can be told are allow-lists of their own.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from runtime.errors import InvalidSpec
from runtime.isolation import capabilities
from runtime.isolation.syscalls import (
    CLONE,
    CLONE3,
    GAPS,
    IOCTL,
    NEWEST,
    PERSONALITY,
    REFUSED,
    SOCKET,
    SOCKETCALL,
    SOCKETPAIR,
)

ALLOW = 0x7FFF_0000
ERRNO = 0x0005_0000
EPERM, ENOSYS, EPROTONOSUPPORT, EAFNOSUPPORT = 1, 38, 93, 97
ARCHITECTURES = {
    "x86_64": ((0xC000_003E, 0), (0x4000_0003, 1)),
    "aarch64": ((0xC000_00B7, 2),),
}
"""For each machine (uname(2)): audit architecture and column of the tables."""

CLONE_NAMESPACES = 0x7E02_0000
"""CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET (clone(2)); a time namespace needs clone3."""
PERSONALITIES = (0x0, 0x8, 0x2_0000, 0x2_0008, 0xFFFF_FFFF)
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_XDP = 1, 2, 10, 16, 17, 44
NETLINK_PROTOCOLS = (0, 4, 15, 16)
"""route, sock_diag, kobject_uevent and generic (netlink(7)); all of them with CAP_NET_ADMIN."""
TERMINAL_COMMANDS = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX, which type into the terminal of somebody else (ioctl_tty(2))."""
SYS_SOCKET, SYS_SOCKETPAIR = 1, 8
_LOAD, _RETURN, _JUMP, _EQUAL, _AT_LEAST, _ANY_BIT = 0x20, 0x06, 0x05, 0x15, 0x35, 0x45
_NUMBER, _ARCHITECTURE = 0, 4
_FIRST, _SECOND, _THIRD = 16, 24, 32
"""The lower halves of the arguments in struct seccomp_data; the kernel takes these as int."""
_LONGEST_JUMP = 255
_ALLOWED = (_RETURN, 0, 0, ALLOW)

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
    return ((_LOAD, 0, 0, _NUMBER), *tree(leaves))


def _leaves(column: int, permitted: int) -> list[tuple[int, Code]]:
    """Return (first number, what happens from there on) in order of numbers."""
    special = _special(column, permitted)
    for capability, *numbers in REFUSED.values():
        number = numbers[column]
        kept = bool(capability) and bool(permitted & capabilities.mask((capability,)))
        if number is not None and not kept:
            special[number] = (_refuse(EPERM),)
    unknown: Code = (_refuse(ENOSYS),)
    judged = {number: unknown for first, last in GAPS[column] for number in range(first, last + 1)}
    judged |= special
    leaves: list[tuple[int, Code]] = []
    for number in range(NEWEST + 1):
        code = judged.get(number, (_ALLOWED,))
        if not leaves or leaves[-1][1] != code:
            leaves.append((number, code))
    return [*leaves, (NEWEST + 1, unknown)]


def _special(column: int, permitted: int) -> dict[int, Code]:
    """Return the calls whose arguments count. Without CAP_SYS_ADMIN, no new namespaces."""
    families = _families(permitted)
    special: dict[int, Code] = {
        PERSONALITY[column]: _only(_FIRST, PERSONALITIES, EPERM),
        SOCKET[column]: families,
        SOCKETPAIR[column]: families,
        IOCTL[column]: _none_of(_SECOND, TERMINAL_COMMANDS),
    }
    if not permitted & capabilities.mask(("CAP_SYS_ADMIN",)):
        # clone3 has its flags in memory, which a filter cannot read: libc falls back to clone.
        special[CLONE3[column]] = (_refuse(ENOSYS),)
        special[CLONE[column]] = (
            (_LOAD, 0, 0, _FIRST),
            (_ANY_BIT, 0, 1, CLONE_NAMESPACES),
            _refuse(EPERM),
            _ALLOWED,
        )
    if column == 1:
        # The family is in memory here, so the old door to sockets is closed altogether.
        special[SOCKETCALL] = _none_of(_FIRST, (SYS_SOCKET, SYS_SOCKETPAIR))
    return special


def _families(permitted: int) -> Code:
    """Judge socket(2): families that kernels load modules for are answered as if not there."""
    families = [AF_UNIX, AF_INET, AF_INET6]
    if permitted & capabilities.mask(("CAP_NET_RAW",)):
        families += [AF_PACKET, AF_XDP]
    if permitted & capabilities.mask(("CAP_NET_ADMIN",)):
        return _only(_FIRST, (*families, AF_NETLINK), EAFNOSUPPORT)
    protocols = _only(_THIRD, NETLINK_PROTOCOLS, EPROTONOSUPPORT)
    others = _only(_FIRST, tuple(families), EAFNOSUPPORT)
    netlink = (_EQUAL, 0, len(protocols), AF_NETLINK)
    return ((_LOAD, 0, 0, _FIRST), netlink, *protocols, *others)


def _only(argument: int, values: tuple[int, ...], refusal: int) -> Code:
    tests = tuple((_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values))
    return ((_LOAD, 0, 0, argument), *tests, _refuse(refusal), _ALLOWED)


def _none_of(argument: int, values: tuple[int, ...]) -> Code:
    tests = tuple((_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values))
    return ((_LOAD, 0, 0, argument), *tests, _ALLOWED, _refuse(EPERM))


def tree(leaves: list[tuple[int, Code]]) -> Code:
    """Search the number among the leaves by halves."""
    if len(leaves) == 1:
        return leaves[0][1]
    middle = len(leaves) // 2
    low, high = tree(leaves[:middle]), tree(leaves[middle:])
    number = leaves[middle][0]
    if len(low) <= _LONGEST_JUMP:
        return ((_AT_LEAST, len(low), 0, number), *low, *high)
    return ((_AT_LEAST, 0, 1, number), (_JUMP, 0, 0, len(low)), *low, *high)


def _unless_equal(value: int, skipped: int) -> Code:
    """Skip the next `skipped` instructions unless the accumulator is `value`."""
    return ((_EQUAL, 1, 0, value), (_JUMP, 0, 0, skipped))


def _refuse(number: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, ERRNO | number)
