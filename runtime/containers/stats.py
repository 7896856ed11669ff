"""Say what a running container uses just now."""

from __future__ import annotations

import errno
import os
import time

from runtime.cgroups import cgroup as cgroups
from runtime.cgroups import readings
from runtime.cgroups import stats as groups
from runtime.containers import lifecycle
from runtime.containers.site import Site
from runtime.errors import Conflict, KernelRefused
from runtime.state import boot
from runtime.state.records import State
from runtime.usage import Network, Stats

_GONE = (errno.ENOENT, errno.ENODEV, errno.ESRCH, errno.EINVAL)
"""What the kernel says of a group that was removed, and of a process that has ended."""


def stats(site: Site, container: str) -> Stats:
    """Take one sample; see `runtime.engine.Containers.stats`.

    The network is read last, from the first process: while that lives its groups are there, so the
    figures are of one run and none was lost on the way.
    """
    process = open_first_process(site, container, "stats")
    try:
        group = cgroups.open_existing(f"{site.slice}/{container}")
        try:
            time_ns, monotonic_ns = time.time_ns(), time.monotonic_ns()
            sample = groups.sample(group)
        finally:
            group.close()
        network = _network(process)
    except (KernelRefused, OSError) as error:
        if error.errno not in _GONE:
            raise
        running(site, container, "stats")
        raise ended(container) from error
    finally:
        os.close(process)
    return Stats(
        time_ns=time_ns,
        monotonic_ns=monotonic_ns,
        cpu=sample.cpu,
        memory=sample.memory,
        pids=sample.pids,
        io=sample.io,
        network=network,
        pressure=sample.pressure,
    )


def running(site: Site, container: str, verb: str) -> State:
    """Return the state of a container that has processes. Raises NotFound, Conflict."""
    state = site.ledger(container).load()
    record = state.record
    lifecycle.after(record.state, verb, restarting=record.restarting, container=container)
    if state.boot != boot.boot_id() or record.pid is None:
        raise Conflict(f"container {container} does not run: the machine was started anew")
    return state


def open_first_process(site: Site, container: str, verb: str) -> int:
    """Return a descriptor of the directory in /proc of the container's first process.

    It stays that process's, whoever has its number later (proc(5)). Raises Conflict where there
    is none any more.
    """
    state = running(site, container, verb)
    pid = state.record.pid
    try:
        process = os.open(f"/proc/{pid}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        raise ended(container) from None
    # Asked after the opening: the number may be somebody else's by now.
    if pid is None or boot.start_time(pid) != state.pid_start:
        os.close(process)
        raise ended(container)
    return process


def ended(container: str) -> Conflict:
    """Return the error for a container that ended while it was looked at."""
    return Conflict(f"container {container} has just ended")


def _network(process: int) -> Network:
    file = os.open("net/dev", os.O_RDONLY | os.O_CLOEXEC, dir_fd=process)
    try:
        parts = []
        while part := os.read(file, 65_536):
            parts.append(part)
    finally:
        os.close(file)
    return readings.network(b"".join(parts).decode())
