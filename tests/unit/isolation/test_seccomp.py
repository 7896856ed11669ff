"""The default filter, judged by an interpreter of our own; the kernel has its say in the kernel
tests."""

from __future__ import annotations

import struct

import pytest

from runtime.errors import InvalidSpec
from runtime.isolation import capabilities, seccomp
from runtime.isolation.syscalls import NEWEST, REFUSED
from runtime.oci.bundle import DEFAULT_CAPABILITIES
from tests.unit.isolation import bpf

DEFAULT = capabilities.mask(DEFAULT_CAPABILITIES)
X86 = seccomp.default_program("x86_64", DEFAULT)
ARM = seccomp.default_program("aarch64", DEFAULT)
MACHINES = [(X86, bpf.X86_64, 0), (X86, bpf.I386, 1), (ARM, bpf.AARCH64, 2)]
EPERM, ENOSYS, EPROTONOSUPPORT, EAFNOSUPPORT = "1", "38", "93", "97"
SOCKET = (41, 359, 198)
SOCKETPAIR = (53, 360, 199)
CLONE = (56, 120, 220)
IOCTL = (16, 54, 29)
PERSONALITY = (135, 136, 92)

each_machine = pytest.mark.parametrize(
    ("program", "machine", "column"), MACHINES, ids=["x86_64", "i386", "aarch64"]
)


@each_machine
@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_refused_call_is_refused_on_every_architecture(
    program: bytes, machine: int, column: int, name: str
) -> None:
    capability, *numbers = REFUSED[name]
    number = numbers[column]
    if number is None:
        return
    kept = bool(capability) and capability in DEFAULT_CAPABILITIES

    answer = bpf.decide(program, machine, number)

    assert answer == (bpf.ALLOW if kept else EPERM)


@each_machine
@pytest.mark.parametrize(
    ("numbers"),
    [(0, 3, 63), (1, 4, 64), (59, 11, 221), (257, 295, 56), (231, 252, 94), (202, 240, 98)],
    ids=["read", "write", "execve", "openat", "exit_group", "futex"],
)
def test_everyday_calls_are_allowed(
    program: bytes, machine: int, column: int, numbers: tuple[int, int, int]
) -> None:
    assert bpf.decide(program, machine, numbers[column]) == bpf.ALLOW


@each_machine
def test_a_call_newer_than_the_filter_is_answered_as_missing(
    program: bytes, machine: int, column: int
) -> None:
    for number in (NEWEST + 1, NEWEST + 100, 1023, 0x3FFF_FFFF):
        assert bpf.decide(program, machine, number) == ENOSYS


@each_machine
def test_clone3_is_answered_as_missing(program: bytes, machine: int, column: int) -> None:
    assert bpf.decide(program, machine, 435) == ENOSYS


@each_machine
@pytest.mark.parametrize("bit", [17, 25, 26, 27, 28, 29, 30])
def test_clone_makes_no_namespace(program: bytes, machine: int, column: int, bit: int) -> None:
    assert bpf.decide(program, machine, CLONE[column], [1 << bit | 17]) == EPERM


@each_machine
def test_clone_makes_processes_and_threads(program: bytes, machine: int, column: int) -> None:
    for flags in (17, 0x0100_0011, 0x003D_0F00):
        assert bpf.decide(program, machine, CLONE[column], [flags]) == bpf.ALLOW


@each_machine
@pytest.mark.parametrize("call", [SOCKET, SOCKETPAIR], ids=["socket", "socketpair"])
def test_only_the_usual_families_of_sockets_are_there(
    program: bytes, machine: int, column: int, call: tuple[int, int, int]
) -> None:
    allowed = {
        family
        for family in range(64)
        if bpf.decide(program, machine, call[column], [family]) == bpf.ALLOW
    }

    assert allowed == {1, 2, 10, 16}
    for family in (38, 40, 17, 21, 29, 31, 44):
        assert bpf.decide(program, machine, call[column], [family]) == EAFNOSUPPORT


@each_machine
def test_the_upper_half_of_an_argument_hides_nothing(
    program: bytes, machine: int, column: int
) -> None:
    """The kernel reads the family as an int, so a filter must not look at more."""
    vsock = 40 | 7 << 32
    assert bpf.decide(program, machine, SOCKET[column], [vsock]) == EAFNOSUPPORT
    assert bpf.decide(program, machine, IOCTL[column], [0, 0x5412 | 9 << 32]) == EPERM


@each_machine
def test_netlink_has_only_its_harmless_protocols(program: bytes, machine: int, column: int) -> None:
    allowed = {
        protocol
        for protocol in range(32)
        if bpf.decide(program, machine, SOCKET[column], [16, 3, protocol]) == bpf.ALLOW
    }

    assert allowed == {0, 4, 15, 16}
    assert bpf.decide(program, machine, SOCKET[column], [16, 3, 12]) == EPROTONOSUPPORT


def test_network_capabilities_open_their_sockets() -> None:
    program = seccomp.default_program("x86_64", capabilities.mask(("CAP_NET_RAW", "CAP_NET_ADMIN")))

    for arguments in ([17, 3, 0], [44, 3, 0], [16, 3, 12]):
        assert bpf.decide(program, bpf.X86_64, SOCKET[0], arguments) == bpf.ALLOW
    assert bpf.decide(program, bpf.X86_64, SOCKET[0], [40]) == EAFNOSUPPORT


@each_machine
def test_nothing_can_be_typed_into_a_terminal(program: bytes, machine: int, column: int) -> None:
    for command in (0x5412, 0x541C):
        assert bpf.decide(program, machine, IOCTL[column], [0, command]) == EPERM
    assert bpf.decide(program, machine, IOCTL[column], [0, 0x5401]) == bpf.ALLOW


@each_machine
def test_personalities_are_the_five_of_docker(program: bytes, machine: int, column: int) -> None:
    for value in (0, 8, 0x20000, 0x20008, 0xFFFFFFFF):
        assert bpf.decide(program, machine, PERSONALITY[column], [value]) == bpf.ALLOW
    for value in (1, 0x40000, 0x0400000, 0x20009):
        assert bpf.decide(program, machine, PERSONALITY[column], [value]) == EPERM


def test_the_old_door_to_sockets_is_closed_on_i386() -> None:
    for kind in (1, 8):
        assert bpf.decide(X86, bpf.I386, 102, [kind]) == EPERM
    assert bpf.decide(X86, bpf.I386, 102, [3]) == bpf.ALLOW


def test_no_call_gets_through_as_x32_or_from_another_architecture() -> None:
    for number in range(NEWEST + 100):
        assert bpf.decide(X86, bpf.X86_64, number | 0x4000_0000) == ENOSYS
        assert bpf.decide(ARM, bpf.ARM, number) == ENOSYS
        assert bpf.decide(X86, bpf.AARCH64, number) == ENOSYS


def test_the_privileged_calls_come_with_their_capability() -> None:
    program = seccomp.default_program("x86_64", capabilities.ALL)
    closed = {
        name
        for name, (capability, number, *_) in REFUSED.items()
        if number is not None and bpf.decide(program, bpf.X86_64, number) != bpf.ALLOW
    }

    assert closed == {
        name for name, (capability, number, *_) in REFUSED.items() if number and not capability
    }
    assert bpf.decide(program, bpf.X86_64, 435) == bpf.ALLOW
    assert bpf.decide(program, bpf.X86_64, CLONE[0], [0x1000_0000]) == bpf.ALLOW


def test_at_least_as_many_calls_are_blocked_as_by_docker() -> None:
    blocked = [
        number for number in range(NEWEST + 1) if bpf.decide(X86, bpf.X86_64, number) != bpf.ALLOW
    ]

    assert len([number for number in blocked if not 337 <= number <= 423]) >= 67


@pytest.mark.parametrize("program", [X86, ARM], ids=["x86", "arm"])
def test_every_path_of_a_program_ends_in_a_verdict(program: bytes) -> None:
    """What the kernel checks when it takes a filter: jumps stay inside, the end returns."""
    lines = list(struct.iter_unpack("<HBBI", program))

    assert len(lines) <= 4096
    for place, (code, if_true, if_false, value) in enumerate(lines):
        assert code in (0x20, 0x06, 0x05, 0x15, 0x35, 0x45)
        furthest = {0x05: value, 0x06: -1}.get(code, max(if_true, if_false))
        assert place + 1 + furthest < len(lines)
    assert lines[-1][0] == 0x06


def test_an_unknown_machine_gets_no_filter_by_mistake() -> None:
    with pytest.raises(InvalidSpec, match="seccomp"):
        seccomp.default_program("riscv64", DEFAULT)
