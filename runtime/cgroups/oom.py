"""Learn at once that the kernel has no memory left for a group.

See memory.events in Documentation/admin-guide/cgroup-v2.rst, and "10. OOM Control" in
Documentation/admin-guide/cgroup-v1/memory.rst.
"""

from __future__ import annotations

import os
import select

from runtime.cgroups import files, v2
from runtime.cgroups.cgroup import Cgroup, Group
from runtime.errors import KernelRefused


class OomWatch:
    """A watch over one container: poll `fd` for `events`, then ask `has_fired`.

    `fd` is None where the kernel tells nothing.
    """

    def __init__(self, cgroup: Cgroup) -> None:
        """Begin to watch; what was before does not count. Raises KernelRefused."""
        self.fd: int | None = None
        self.events = select.POLLIN
        self._group = cgroup.group("memory")
        self._kills = 0
        if self._group is None:
            return
        if self._group.tree.version == 1:
            self.fd = _ask_v1(self._group)
            return
        self.events = select.POLLPRI
        self._kills = cgroup.oom_kills()
        self.fd = os.open(f"{self._group.directory}/memory.events", os.O_RDONLY | os.O_CLOEXEC)

    def has_fired(self) -> bool:
        """Say whether it happened since this was asked last; forget that the descriptor was ready.

        A group that is removed wakes whoever waits, too. Raises KernelRefused.
        """
        assert self._group is not None
        assert self.fd is not None
        if not os.path.isdir(self._group.directory):
            return False
        if self._group.tree.version == 1:
            os.eventfd_read(self.fd)
            return True
        os.pread(self.fd, 4096, 0)
        before, self._kills = self._kills, v2.oom_kills(self._group.directory)
        return self._kills > before

    def close(self) -> None:
        """Watch no more."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None


def _ask_v1(group: Group) -> int | None:
    """Return a descriptor that counts, None where the kernel has no such notice (PREEMPT_RT)."""
    counter = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    control = os.open(f"{group.directory}/memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
    try:
        files.write(f"{group.directory}/cgroup.event_control", f"{counter} {control}")
    except KernelRefused:
        os.close(counter)
        return None
    finally:
        os.close(control)
    return counter
