"""Children that become processes of containers: how they are started, and ended halfway."""

from __future__ import annotations

import errno
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtime.abi import CLONE_INTO_CGROUP
from runtime.errors import KernelRefused, RuntimeFault
from runtime.kernel import process

if TYPE_CHECKING:
    from runtime.cgroups.cgroup import Cgroup

EXIT_FAILED = 127
"""How a child ends that has told why it cannot become a process of a container."""


@dataclass(frozen=True, slots=True)
class Launched:
    """A process of a container, a child of the caller; the pidfd is the caller's to close."""

    pid: int
    pidfd: int


def clone(flags: int, cgroup: Cgroup | None) -> tuple[int, int]:
    """Start a child and return (pid, pidfd), (0, -1) in the child itself. Raises KernelRefused.

    On v2 it starts right in its cgroup, so that no moment of it is without limits.
    """
    directory = cgroup.fd if cgroup is not None else None
    if directory is not None:
        flags |= CLONE_INTO_CGROUP
    return process.clone3(flags, cgroup=directory)


def stop_imports() -> None:
    """Make a late import fail: after the pivot it would load the image's code as host root."""
    sys.path.clear()
    sys.meta_path.clear()
    sys.path_hooks.clear()


def is_crowded(fault: RuntimeFault) -> bool:
    """Say whether a clone failed because the cgroup has as many processes as it may."""
    return isinstance(fault, KernelRefused) and (fault.call, fault.errno) == (
        "clone3",
        errno.EAGAIN,
    )


def send(launched: Launched, number: int) -> None:
    """Send a signal to a child, if it has not ended. Raises KernelRefused."""
    try:
        process.pidfd_send_signal(launched.pidfd, number)
    except KernelRefused as refused:
        if not process.is_gone(refused):
            raise


def end(launched: Launched) -> None:
    """Kill and reap a child that did not get there."""
    send(launched, signal.SIGKILL)
    os.waitpid(launched.pid, 0)
    os.close(launched.pidfd)
