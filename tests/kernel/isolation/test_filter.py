"""The system call filter as the kernel applies it, through every door of the processor."""

from __future__ import annotations

import platform
import struct
from pathlib import Path

import pytest

from tests.kernel.lab import Lab, make_layer

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="machine code of x86-64"),
]

EPERM, EINVAL, ENOSYS, EAFNOSUPPORT = 1, 22, 38, 97
INT_80 = b"\xcd\x80"
SYSCALL = b"\x0f\x05"


def write_probe(path: Path, number: int, door: bytes, *arguments: int) -> None:
    """Write a static program that makes one system call and exits with the errno it got.

    64-bit code may use `int 0x80` too, and then speaks i386 (with ebx, ecx, edx).
    """
    first = (b"\xbb", b"\xb9", b"\xba") if door == INT_80 else (b"\xbf", b"\xbe", b"\xba")
    code = b"".join(
        register + struct.pack("<I", value)
        for register, value in zip(first, arguments, strict=False)
    )
    code += b"\xb8" + struct.pack("<I", number) + door  # mov eax, number
    code += b"\xf7\xd8\x89\xc7\xb8\x3c\x00\x00\x00\x0f\x05"  # neg eax; mov edi, eax; exit(edi)
    entry, size = 0x400078, 0x78 + len(code)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, size, size, 0x1000)
    path.write_bytes(header + segment + code)
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("number", "door", "arguments", "errno"),
    [
        pytest.param(250, SYSCALL, (), EPERM, id="keyctl"),
        pytest.param(288, INT_80, (), EPERM, id="keyctl by int 0x80"),
        pytest.param(425, SYSCALL, (), EPERM, id="io_uring_setup"),
        pytest.param(425, INT_80, (), EPERM, id="io_uring_setup by int 0x80"),
        pytest.param(435, SYSCALL, (), ENOSYS, id="clone3"),
        pytest.param(1000, SYSCALL, (), ENOSYS, id="a call of the future"),
        pytest.param(0x4000_0000 | 39, SYSCALL, (), ENOSYS, id="getpid as x32"),
        pytest.param(41, SYSCALL, (40, 1, 0), EAFNOSUPPORT, id="socket of vsock"),
        pytest.param(41, SYSCALL, (38, 5, 0), EAFNOSUPPORT, id="socket of alg"),
        pytest.param(359, INT_80, (40, 1, 0), EAFNOSUPPORT, id="socket of vsock by int 0x80"),
        pytest.param(102, INT_80, (1, 0), EPERM, id="socketcall by int 0x80"),
        pytest.param(16, SYSCALL, (0, 0x5412, 0), EPERM, id="TIOCSTI"),
        pytest.param(56, SYSCALL, (0x1000_0011, 0), EPERM, id="clone with a user namespace"),
        pytest.param(323, SYSCALL, (), EPERM, id="userfaultfd"),
        pytest.param(298, SYSCALL, (), EPERM, id="perf_event_open"),
    ],
)
def test_the_door_is_closed(
    lab: Lab, tmp_path: Path, number: int, door: bytes, arguments: tuple[int, ...], errno: int
) -> None:
    layer = make_layer(tmp_path / "layer")
    write_probe(layer / "probe", number, door, *arguments)

    assert lab.run("/probe", lower=(str(layer),))[0] == errno


def test_without_the_filter_the_probe_gets_another_answer(lab: Lab, tmp_path: Path) -> None:
    """So that the errors above are the filter's and not the kernel's own."""
    layer = make_layer(tmp_path / "layer")
    write_probe(layer / "probe", 250, SYSCALL)
    write_probe(layer / "probe32", 288, INT_80)

    codes = [
        lab.run(f"/{name}", lower=(str(layer),), seccomp="unconfined")[0]
        for name in ("probe", "probe32")
    ]

    assert EPERM not in codes


def test_without_no_new_privileges_the_filter_is_there_too(lab: Lab) -> None:
    script = "grep -E 'NoNewPrivs|Seccomp:|CapBnd' /proc/self/status; unshare -U true"
    text = lab.shell(f"{script} 2>&1", no_new_privileges=False, user="alice")

    assert "NoNewPrivs:\t0" in text
    assert "Seccomp:\t2" in text
    assert "CapBnd:\t00000000a00405fb" in text
    assert "not permitted" in text
