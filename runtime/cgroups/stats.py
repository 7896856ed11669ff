"""What a container uses right now, read from its cgroup."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.cgroups import files
from runtime.cgroups.cgroup import Cgroup

_NANOSECONDS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """CPU time since the start in nanoseconds, memory in bytes, processes and threads."""

    cpu_ns: int
    memory_bytes: int
    pids: int


def sample(cgroup: Cgroup) -> Sample:
    """Read one sample; what the host has no controller for is 0. Raises KernelRefused."""
    return Sample(cpu_ns=_cpu(cgroup), memory_bytes=_memory(cgroup), pids=_pids(cgroup))


def _cpu(cgroup: Cgroup) -> int:
    accounted = cgroup.directory("cpuacct")
    if accounted is not None:
        return int(files.read(f"{accounted}/cpuacct.usage"))
    unified = cgroup.unified
    if unified is None:
        return 0
    return files.read_fields(f"{unified}/cpu.stat").get("usage_usec", 0) * _NANOSECONDS


def _memory(cgroup: Cgroup) -> int:
    """Count what cannot be given back at once: file cache that lies idle is left out."""
    group = cgroup.group("memory")
    if group is None:
        return 0
    if group.tree.version == 2:
        used, idle = "memory.current", "inactive_file"
    else:
        used, idle = "memory.usage_in_bytes", "total_inactive_file"
    cached = files.read_fields(f"{group.directory}/memory.stat").get(idle, 0)
    return max(0, int(files.read(f"{group.directory}/{used}")) - cached)


def _pids(cgroup: Cgroup) -> int:
    directory = cgroup.directory("pids")
    return 0 if directory is None else int(files.read(f"{directory}/pids.current"))
