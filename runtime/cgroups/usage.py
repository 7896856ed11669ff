"""Everything that a container's cgroup counts, under the names that runc's events have for it.

Times are in nanoseconds, memory in bytes. What the host has no controller for is left out, and so
is what is 0 and tells nothing. v1 counts memory and swap together, so v2 is told so, too.
"""

from __future__ import annotations

import os
from typing import Any

from runtime.cgroups import files
from runtime.cgroups.cgroup import Cgroup, Group
from runtime.errors import KernelRefused

ENDLESS = 2**64 - 1
"""What is told for no limit."""
_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_MICROSECOND = 1000
_BYTES_V1 = "blkio.throttle.io_service_bytes_recursive"
_COUNT_V1 = "blkio.throttle.io_serviced_recursive"
_OPERATIONS = {
    "bytes": (("Read", "rbytes"), ("Write", "wbytes"), ("Discard", "dbytes")),
    "count": (("Read", "rios"), ("Write", "wios"), ("Discard", "dios")),
}
"""What is counted -> operation as v1 names it, and its key in io.stat of v2."""


def read_usage(cgroup: Cgroup) -> dict[str, Any]:
    """Return one sample. Raises KernelRefused where the group goes away meanwhile."""
    told: dict[str, Any] = {
        "cpu": {"usage": _cpu_usage(cgroup), "throttling": _throttling(cgroup)},
        "memory": _memory(cgroup.group("memory")),
        "pids": _pids(cgroup),
        "blkio": _block_io(cgroup),
        "hugetlb": _huge_pages(cgroup.group("hugetlb")),
    }
    return told


def parse_v1_entries(text: str) -> list[dict[str, Any]]:
    """Return the lines `major:minor operation value` of a file of v1's blkio. Pure."""
    entries = []
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3:
            major, _, minor = words[0].partition(":")
            numbers = {"major": int(major), "minor": int(minor)}
            entries.append({**numbers, "op": words[1], "value": int(words[2])})
    return entries


def parse_io_stat(text: str, counted: str) -> list[dict[str, Any]]:
    """Return what io.stat of v2 says of "bytes" or "count", as v1 words it. Pure."""
    entries = []
    for line in text.splitlines():
        device, *pairs = line.split()
        major, _, minor = device.partition(":")
        values = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        for operation, key in _OPERATIONS[counted]:
            if key in values:
                numbers = {"major": int(major), "minor": int(minor)}
                entries.append({**numbers, "op": operation, "value": int(values[key])})
    return entries


def _cpu_usage(cgroup: Cgroup) -> dict[str, Any]:
    accounted = cgroup.directory("cpuacct")
    if accounted is not None:
        ticks = files.read_fields(f"{accounted}/cpuacct.stat")
        each = files.read(f"{accounted}/cpuacct.usage_percpu").split()
        return {
            "total": int(files.read(f"{accounted}/cpuacct.usage")),
            "percpu": [int(number) for number in each],
            "kernel": ticks.get("system", 0) * _TICK,
            "user": ticks.get("user", 0) * _TICK,
        }
    if cgroup.unified is None:
        return {"total": 0, "kernel": 0, "user": 0}
    counted = files.read_fields(f"{cgroup.unified}/cpu.stat")
    names = {"total": "usage_usec", "kernel": "system_usec", "user": "user_usec"}
    return {name: counted.get(key, 0) * _MICROSECOND for name, key in names.items()}


def _throttling(cgroup: Cgroup) -> dict[str, int]:
    directory = cgroup.directory("cpu")
    counted = files.read_fields(f"{directory}/cpu.stat") if directory is not None else {}
    waited = counted.get("throttled_time", counted.get("throttled_usec", 0) * _MICROSECOND)
    told = {
        "periods": counted.get("nr_periods", 0),
        "throttledPeriods": counted.get("nr_throttled", 0),
        "throttledTime": waited,
    }
    return {name: value for name, value in told.items() if value}


def _memory(group: Group | None) -> dict[str, Any]:
    if group is None:
        return {}
    raw = files.read_fields(f"{group.directory}/memory.stat")
    if group.tree.version == 1:
        told = {
            "usage": _v1_entry(group, "memory"),
            "swap": _v1_entry(group, "memory.memsw"),
            "kernel": _v1_entry(group, "memory.kmem"),
            "kernelTCP": _v1_entry(group, "memory.kmem.tcp"),
        }
        kept = {name: entry for name, entry in told.items() if entry}
        return {"cache": raw.get("cache", 0), **kept, "raw": raw}
    usage = _v2_entry(group)
    swapped = _number(group, "memory.swap.current") or 0
    limits = (usage["limit"], _number(group, "memory.swap.max"))
    swap = {
        "limit": ENDLESS if ENDLESS in limits or limits[1] is None else limits[0] + limits[1],
        "usage": usage["usage"] + swapped,
        "failcnt": 0,
    }
    return {"cache": raw.get("file", 0), "usage": usage, "swap": swap, "raw": raw}


def _v1_entry(group: Group, name: str) -> dict[str, int]:
    """Return limit, usage, its maximum and how often the limit was met; {} where there is none."""
    parts = {
        "limit": "limit_in_bytes",
        "usage": "usage_in_bytes",
        "max": "max_usage_in_bytes",
        "failcnt": "failcnt",
    }
    found = {part: _number(group, f"{name}.{file}") for part, file in parts.items()}
    return {part: value for part, value in found.items() if value is not None}


def _v2_entry(group: Group) -> dict[str, int]:
    found = {
        "limit": _number(group, "memory.max"),
        "usage": _number(group, "memory.current"),
        "max": _number(group, "memory.peak"),  # Linux 5.19
    }
    told = {name: value for name, value in found.items() if value is not None}
    events = files.read_fields(f"{group.directory}/memory.events")
    return {"limit": ENDLESS, "usage": 0} | told | {"failcnt": events.get("max", 0)}


def _pids(cgroup: Cgroup) -> dict[str, int]:
    group = cgroup.group("pids")
    if group is None:
        return {}
    current, most = (_number(group, f"pids.{name}") for name in ("current", "max"))
    told = {"current": current or 0}
    return told if most in (None, ENDLESS) else told | {"limit": most or 0}


def _block_io(cgroup: Cgroup) -> dict[str, Any]:
    v1, v2 = cgroup.group("blkio"), cgroup.group("io")
    if v1 is not None:
        size, count = (parse_v1_entries(_text(v1, name)) for name in (_BYTES_V1, _COUNT_V1))
    elif v2 is not None:
        text = _text(v2, "io.stat")
        size, count = (parse_io_stat(text, counted) for counted in ("bytes", "count"))
    else:
        return {}
    told = {"ioServiceBytesRecursive": size, "ioServicedRecursive": count}
    return {name: entries for name, entries in told.items() if entries}


def _huge_pages(group: Group | None) -> dict[str, dict[str, int]]:
    """Return usage and its limit for each size of pages."""
    if group is None:
        return {}
    v2 = group.tree.version == 2
    ending = ".current" if v2 else ".usage_in_bytes"
    told = {}
    for name in sorted(os.listdir(group.directory)):
        size = name.removeprefix("hugetlb.").removesuffix(ending)
        if name != f"hugetlb.{size}{ending}" or "." in size:
            continue
        used = _number(group, name) or 0
        missed = 0 if v2 else _number(group, f"hugetlb.{size}.failcnt") or 0
        told[size] = ({"usage": used} if used else {}) | {"failcnt": missed}
    return told


def _number(group: Group, name: str) -> int | None:
    """Return a control file that is a number, None where the kernel has it not."""
    text = _text(group, name).strip()
    if not text:
        return None
    return ENDLESS if text == "max" else int(text)


def _text(group: Group, name: str) -> str:
    try:
        return files.read(f"{group.directory}/{name}")
    except KernelRefused as refused:
        if files.is_missing(refused):
            return ""
        raise
