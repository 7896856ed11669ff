"""Finding a dead shim's container again: from the zygote's copies, or by pid and start time."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from runtime.errors import KernelRefused
from runtime.kernel import process
from runtime.shim.body import Handed
from runtime.shim.run import Run
from runtime.shim.segments import STREAMS, SegmentWriter
from runtime.shim.stdio import Output
from runtime.state import boot
from runtime.state.exits import ExitRecord
from runtime.state.records import State

LOST = "nobody was left to see how it ended"
REBOOTED = "the host was restarted"
REAPED_WITHIN_SECONDS = 5.0
"""How long a successor waits to learn how the first process ended."""
ASK_AGAIN_SECONDS = 0.05
_NOT_FOUND = 127


def kept_run(handed: Handed, writer: SegmentWriter) -> Run:
    """Return the run whose descriptors the zygote kept."""
    pipes = {name: handed.fds[name] for name in STREAMS.values() if name in handed.fds}
    run = Run(
        handed.run,
        pid=handed.pid or 0,
        pidfd=handed.fds["pidfd"],
        output=Output(writer, pipes),
        ours=False,
    )
    run.reaped = handed.status
    return run


def find_run(state: State, handed: Handed, writer: SegmentWriter, this_boot: str) -> Run | None:
    """Return the run that the record tells of; None if nothing is left of it."""
    if handed.run == state.run and "pidfd" in handed.fds:
        return kept_run(handed, writer)
    pid = state.record.pid
    if pid is None or state.boot != this_boot:
        return None
    try:
        pidfd = process.pidfd_open(pid)
    except KernelRefused:
        return None
    if boot.start_time(pid) != state.pid_start:
        os.close(pidfd)  # the number belongs to somebody else by now
        return None
    return Run(state.run, pid=pid, pidfd=pidfd, output=Output(writer, {}), ours=False)


def lost(state: State, this_boot: str) -> ExitRecord:
    """Return the end of a run that nobody saw."""
    return ExitRecord(
        run=state.run,
        exit_code=None,
        oom_killed=False,
        finished_ns=time.time_ns(),
        error=LOST if state.boot == this_boot else REBOOTED,
    )


def failed(state: State, reason: str) -> ExitRecord:
    """Return the end of a restart that was refused: it counts as a run that failed at once."""
    return ExitRecord(
        run=state.run,
        exit_code=_NOT_FOUND,
        oom_killed=False,
        finished_ns=time.time_ns(),
        error=reason,
    )


def abandon(handed: Handed) -> None:
    """End what is left of a container that was deleted meanwhile."""
    if "pidfd" in handed.fds:
        with suppress(KernelRefused):  # it ended
            process.pidfd_send_signal(handed.fds["pidfd"], signal.SIGKILL)


def let_go(handed: Handed) -> None:
    """Close the copies that belong to a run which does not go on; the namespaces do."""
    for name, fd in handed.fds.items():
        if name not in ("user", "net"):
            os.close(fd)
