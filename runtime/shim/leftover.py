"""The process of a probe on disk, so that the successor of a dead shim can end it.

Beside its number stand its start time and the boot: together they name it for ever, so the file
may stay when the process is gone.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from runtime.errors import KernelRefused, RuntimeFault
from runtime.kernel import process
from runtime.state import boot, durable, schema


class Leftover:
    """The newest probe of the container in `directory`, on the boot `this_boot`."""

    def __init__(self, directory: str, this_boot: str) -> None:
        self._path = f"{directory}/probe.json"
        self._boot = this_boot

    def note(self, pid: int) -> None:
        """Remember a probe that has begun; where there is no room for that, nobody else ends it."""
        body = {"boot": self._boot, "pid": pid, "start": boot.start_time(pid)}
        with suppress(OSError):
            durable.replace(self._path, schema.encode(body))

    def end(self) -> int | None:
        """Kill the probe, if it still runs, with what it began; return its pidfd, the caller's."""
        try:
            body = schema.decode(durable.read(self._path), self._path)
        except (OSError, RuntimeFault):
            return None
        pid, start = body.get("pid"), body.get("start")
        if body.get("boot") != self._boot or not isinstance(pid, int) or start is None:
            return None
        try:
            pidfd = process.pidfd_open(pid)
        except KernelRefused:
            return None
        if boot.start_time(pid) != start:  # the number belongs to somebody else by now
            os.close(pidfd)
            return None
        kill_group(pid)
        return pidfd


def kill_group(pid: int) -> None:
    """Kill a process that has not been reaped, and its group, which it leads or is about to."""
    for kill in (os.kill, os.killpg):
        with suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)
