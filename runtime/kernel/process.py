"""Making, naming and signalling processes: clone3(2), pidfd_open(2), close_range(2)."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import struct
from collections.abc import Iterable

from runtime.abi import CLONE_PIDFD, CLOSE_RANGE_CLOEXEC, PR_SET_NAME
from runtime.errors import KernelRefused
from runtime.kernel.libc import address_of, call

_LAST_DESCRIPTOR = 0xFFFF_FFFF

_signal = ctypes.PyDLL(None).signal
_signal.restype = ctypes.c_void_p
_signal.argtypes = (ctypes.c_int, ctypes.c_void_p)

_PIDFD_GET_INFO = 0xC0_00_FF_0B | (64 << 16)
"""_IOWR(0xFF, 11, struct pidfd_info) with the 64 bytes of its first version (linux/pidfd.h)."""
_PIDFD_INFO_EXIT = 1 << 3


def clone3(
    flags: int, *, cgroup: int | None = None, exit_signal: int = signal.SIGCHLD
) -> tuple[int, int]:
    """Start a child and return (pid, pidfd); in the child the pid is 0. See clone3(2).

    The child is a copy, as after fork(2); none of Python's at-fork hooks run, so only a
    single-threaded process may call this. The pidfd is close-on-exec. `cgroup` is a directory of
    the v2 tree, for CLONE_INTO_CGROUP.
    """
    pidfd = ctypes.c_int(-1)
    arguments = struct.pack(
        "<11Q", flags | CLONE_PIDFD, address_of(pidfd), 0, 0, exit_signal, 0, 0, 0, 0, 0,
        0 if cgroup is None else cgroup,
    )  # fmt: skip
    pid = call("clone3", arguments, len(arguments))
    return pid, pidfd.value


def pidfd_open(pid: int) -> int:
    """Return a handle of process `pid`, close-on-exec. See pidfd_open(2)."""
    return call("pidfd_open", pid, 0, path=str(pid))


def pidfd_send_signal(pidfd: int, number: int) -> None:
    """Send signal `number` to exactly the process of `pidfd`. See pidfd_send_signal(2)."""
    call("pidfd_send_signal", pidfd, number, None, 0)


def pidfd_exit_status(pidfd: int) -> int | None:
    """Return the wait status of a process that was reaped by somebody else, Linux 6.15 and later.

    None where the kernel does not tell: older, not ended yet, or ended before `pidfd` was opened.
    """
    info = bytearray(struct.pack("<Q56x", _PIDFD_INFO_EXIT))
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, info)
    except OSError:
        return None
    mask, status = struct.unpack("<Q52xi", info)
    return status if mask & _PIDFD_INFO_EXIT else None


def reset_signals() -> None:
    """Give every signal its default action and unblock all: execve(2) keeps ignored ones.

    For a child about to execute: Python does not learn of it, and its own way is ten times slower.
    """
    for number in range(1, signal.NSIG):
        _signal(number, None)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def set_limit(number: int, soft: int, hard: int) -> None:
    """Limit a resource of the caller; 2**64-1 is no limit. See prlimit(2)."""
    call("prlimit64", 0, number, struct.pack("<QQ", soft, hard), None, path=f"limit {number}")


def rename(name: bytes) -> None:
    """Call the caller `name` in /proc, in place of its command line. See prctl(2), PR_SET_NAME.

    The arguments lie where the 48th and 49th number of proc_pid_stat(5) say.
    """
    descriptor = os.open("/proc/self/stat", os.O_RDONLY | os.O_CLOEXEC)
    try:
        told = os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
    start, end = (int(word) for word in told.rpartition(b")")[2].split()[45:47])
    if end - start > len(name):
        ctypes.memset(start, 0, end - start)
        ctypes.memmove(start, name, len(name))
    call("prctl", PR_SET_NAME, name + b"\0", 0, 0, 0)


def set_personality(domain: int) -> None:
    """Set the execution domain, such as PER_LINUX32. See personality(2)."""
    call("personality", domain)


def close_on_exec(first: int) -> None:
    """Mark every descriptor from `first` on close-on-exec. See close_range(2)."""
    call("close_range", first, _LAST_DESCRIPTOR, CLOSE_RANGE_CLOEXEC)


def close_all_but(kept: Iterable[int]) -> None:
    """Close every descriptor that is not among `kept`. See close_range(2)."""
    first = 0
    for descriptor in sorted(set(kept)):
        if descriptor > first:
            call("close_range", first, descriptor - 1, 0)
        first = descriptor + 1
    call("close_range", first, _LAST_DESCRIPTOR, 0)


def is_gone(refused: KernelRefused) -> bool:
    """Say whether a refused signal means that the process has ended (ESRCH)."""
    return refused.errno == 3
