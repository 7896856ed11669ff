"""One run of a container, from launch to the end of its first process."""

from __future__ import annotations

import os
import signal
import time

from runtime.errors import KernelRefused
from runtime.kernel import process
from runtime.shim.exit_status import reap, wait_status
from runtime.shim.stdio import Output


class Run:
    """The container's first process and its output.

    `ours` says that the shim is its parent; a successor is not, and learns its end from the zygote
    (`reaped`), or from the kernel where that remembers.
    """

    def __init__(self, number: int, *, pid: int, pidfd: int, output: Output, ours: bool) -> None:
        self.number = number
        self.pid = pid
        self.pidfd = pidfd
        self.output = output
        self.ours = ours
        self.reaped: int | None = None
        self.began = time.monotonic()

    def signal(self, number: int) -> bool:
        """Send a signal to the first process; say whether it was still there."""
        try:
            process.pidfd_send_signal(self.pidfd, number)
        except KernelRefused as refused:
            if process.is_gone(refused):
                return False
            raise
        return True

    def kill(self) -> None:
        """End all of the container: the death of its first process ends its pid namespace."""
        self.signal(signal.SIGKILL)

    def status(self) -> int | None:
        """Return the wait status of the first process, which ended; None if nobody knows (yet)."""
        if self.ours:
            return wait_status(self.pid)
        if self.reaped is not None:
            return self.reaped
        return process.pidfd_exit_status(self.pidfd)

    def abandon(self) -> None:
        """End a run that was launched by us and must not be."""
        self.kill()
        for name in list(self.output.pipes):
            self.output.close_one(name)
        os.waitpid(self.pid, 0)
        self.close()

    def seconds(self) -> float:
        """Return how long it ran, as far as this shim saw it."""
        return time.monotonic() - self.began

    def close(self) -> None:
        """Let the first process go, whose end is recorded."""
        if self.ours:
            reap(self.pid)
        os.close(self.pidfd)
