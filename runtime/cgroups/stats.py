"""What a container uses right now, read from its cgroup: each file opened once, read once."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from runtime.cgroups import readings
from runtime.cgroups.cgroup import Cgroup, Group
from runtime.errors import KernelRefused
from runtime.usage import BlockIo, Cpu, Memory, Pids, Pressure

_LARGEST = 65_536
"""Bytes: more than any of these files has, so that one read(2) gets it whole."""
_MISSING = (errno.ENOENT, errno.EOPNOTSUPP, errno.EINVAL)
"""No such file, or one that says so when it is read (PSI that is switched off)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The figures of a group; None is a controller that the group does not have."""

    cpu: Cpu | None
    memory: Memory | None
    pids: Pids | None
    io: BlockIo | None
    pressure: Mapping[str, Pressure]


def sample(cgroup: Cgroup) -> Sample:
    """Read one sample. Raises KernelRefused, with ENODEV where a group was removed meanwhile."""
    return Sample(
        cpu=_cpu(cgroup),
        memory=_memory(cgroup),
        pids=readings.pids(_texts(cgroup.directory("pids"), readings.PIDS)),
        io=_io(cgroup),
        pressure=readings.pressure(_texts(cgroup.unified, readings.PRESSURE)),
    )


def _cpu(cgroup: Cgroup) -> Cpu | None:
    accounted = cgroup.directory("cpuacct")
    if accounted is not None:
        scheduled = cgroup.group("cpu")
        throttled = _texts(scheduled.directory if scheduled else None, readings.CPU_V1)
        spent = readings.cpu_v1(_texts(accounted, readings.CPUACCT_V1), throttled)
    elif cgroup.unified is not None:
        spent = readings.cpu_v2(_texts(cgroup.unified, readings.CPU_V2))
        spent = _throttling(cgroup.group("cpu"), spent)
    else:
        return None
    return replace(spent, online=os.cpu_count())


def _throttling(scheduled: Group | None, spent: Cpu) -> Cpu:
    """Take throttling from a v1 group where only that has it."""
    if scheduled is None or scheduled.tree.version == 2:
        return spent
    told = readings.cpu_v1({}, _texts(scheduled.directory, readings.CPU_V1))
    return replace(
        spent,
        periods=told.periods,
        throttled_periods=told.throttled_periods,
        throttled_ns=told.throttled_ns,
    )


def _memory(cgroup: Cgroup) -> Memory | None:
    group = cgroup.group("memory")
    if group is None:
        return None
    if group.tree.version == 2:
        return readings.memory_v2(_texts(group.directory, readings.MEMORY_V2))
    return readings.memory_v1(_texts(group.directory, readings.MEMORY_V1))


def _io(cgroup: Cgroup) -> BlockIo | None:
    group = cgroup.group("blkio")
    if group is not None:
        return readings.io_v1(_texts(group.directory, readings.IO_V1))
    return readings.io_v2(_texts(cgroup.directory("io"), readings.IO_V2))


def _texts(directory: str | None, names: Iterable[str]) -> dict[str, str]:
    """Return the texts of a group's files by name, without those that the kernel does not have.

    The directory is opened once, and the files in it: a group of the same name that is made
    meanwhile is not mixed up with it. Raises KernelRefused.
    """
    if directory is None:
        return {}
    found = {}
    try:
        group = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise KernelRefused("open", errno.ENODEV, directory) from error
    try:
        for name in names:
            text = _text(group, name, directory)
            if text is not None:
                found[name] = text
    finally:
        os.close(group)
    return found


def _text(group: int, name: str, directory: str) -> str | None:
    try:
        file = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=group)
        try:
            return os.read(file, _LARGEST).decode()
        finally:
            os.close(file)
    except OSError as error:
        if error.errno in _MISSING:
            return None
        raise KernelRefused("read", error.errno or 0, f"{directory}/{name}") from None
