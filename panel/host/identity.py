"""Which process a pid means: a pid alone may have been given to another one since."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterator
from dataclasses import dataclass

BOOT_ID = "/proc/sys/kernel/random/boot_id"


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process by pid and by start time, in clock ticks since boot (proc_pid_stat(5))."""

    pid: int
    start: int

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """Return the identity of a process that runs now. Raises ProcessLookupError."""
        state, start = _state_and_start(pid)
        if state in (b"Z", b"X"):
            raise ProcessLookupError(pid)
        return cls(pid, start)

    @classmethod
    def of_child(cls, pid: int) -> ProcessIdentity:
        """Return the identity of an own child, which may have ended already."""
        return cls(pid, _state_and_start(pid)[1])

    def is_alive(self) -> bool:
        """Tell whether this very process still runs; a zombie does not."""
        try:
            return ProcessIdentity.of(self.pid) == self
        except ProcessLookupError:
            return False

    def send(self, number: signal.Signals) -> bool:
        """Send a signal to this very process; False when it is gone (pidfd_send_signal(2))."""
        with contextlib.suppress(ProcessLookupError), self._opened() as pidfd:
            signal.pidfd_send_signal(pidfd, number)
            return True
        return False

    def wait(self, seconds: float) -> bool:
        """Wait until this process has ended, at most `seconds`; tell whether it has."""
        with contextlib.suppress(ProcessLookupError), self._opened() as pidfd:
            readable, _, _ = select.select([pidfd], [], [], seconds)
            return bool(readable)
        return True

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        pidfd = os.pidfd_open(self.pid)
        try:
            # Checked after the open: from here on the pid cannot come to mean another process.
            if not self.is_alive():
                raise ProcessLookupError(self.pid)
            yield pidfd
        finally:
            os.close(pidfd)


def _state_and_start(pid: int) -> tuple[bytes, int]:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(pid) from None
    return fields[0], int(fields[19])


def boot_id() -> str:
    """Return the id of this boot of the kernel."""
    with open(BOOT_ID, encoding="ascii") as file:
        return file.read().strip()
