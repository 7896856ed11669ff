"""Which process works on an operation, named so that it can be told from every other for ever."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from panel.operations.models import Operation


@dataclass(frozen=True, slots=True)
class Lease:
    """A process: the boot it lives in, its number, and when it started in clock ticks (proc(5))."""

    boot: str
    pid: int
    start: int

    @property
    def is_dead(self) -> bool:
        """Say whether the process is gone for certain; true only on the node it belongs to."""
        return self.boot != boot_id() or start_time(self.pid) != self.start


def mine() -> Lease:
    """Return the lease of the calling process, its own again in a forked child."""
    return _lease_of(os.getpid())


def held(operation: Operation) -> Lease | None:
    """Return the lease in an operation's row, None where nobody holds one."""
    if operation.lease_pid is None or operation.lease_start is None:
        return None
    return Lease(operation.lease_boot, operation.lease_pid, operation.lease_start)


@cache
def boot_id() -> str:
    """Return the id of this boot (random(4))."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def start_time(pid: int) -> int | None:
    """Return when a process started, None where there is none or only its exit status is left."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name before the last parenthesis may hold anything (proc_pid_stat(5)).
    state, *rest = text[text.rindex(b")") + 2 :].split()
    return None if state in (b"Z", b"X", b"x") else int(rest[18])


@cache
def _lease_of(pid: int) -> Lease:
    start = start_time(pid)
    assert start is not None, "the calling process has a start time"
    return Lease(boot_id(), pid, start)
