"""Texts of the kernel as figures: control files of v1 and v2, PSI, /proc/PID/net/dev. Pure.

Each function takes the texts of one controller by file name; a text that is missing, because this
kernel has no such file, leaves its figures None. See Documentation/admin-guide/cgroup-v2.rst,
Documentation/admin-guide/cgroup-v1, Documentation/accounting/psi.rst.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from runtime.usage import (
    BlockIo,
    Cpu,
    Link,
    Memory,
    Network,
    Pids,
    Pressure,
    Traffic,
    Waiting,
)

Texts = Mapping[str, str]
TICK_NS = 10_000_000
"""A clock tick as the kernel tells user space of it, USER_HZ (time(7))."""
_MICROSECOND_NS = 1000
_NO_LIMIT = 1 << 62
"""v1 has no word for no limit: it tells the largest number of pages, in bytes."""
LOOPBACK = "lo"
_IO_KEYS = {
    "rbytes": "read_bytes",
    "wbytes": "write_bytes",
    "rios": "read_operations",
    "wios": "write_operations",
}
_V1_BYTES = "blkio.throttle.io_service_bytes_recursive"
_V1_OPERATIONS = "blkio.throttle.io_serviced_recursive"

CPU_V2 = ("cpu.stat",)
CPUACCT_V1 = ("cpuacct.usage", "cpuacct.stat")
CPU_V1 = ("cpu.stat",)
MEMORY_V2 = (
    *("memory.current", "memory.max", "memory.stat", "memory.swap.current", "memory.events"),
)
MEMORY_V1 = (
    *("memory.usage_in_bytes", "memory.stat", "memory.kmem.usage_in_bytes", "memory.oom_control"),
)
PIDS = ("pids.current", "pids.max")
IO_V2 = ("io.stat",)
IO_V1 = (_V1_BYTES, _V1_OPERATIONS)
PRESSURE = ("cpu.pressure", "memory.pressure", "io.pressure")


def cpu_v2(texts: Texts) -> Cpu:
    """Return what cpu.stat of v2 says; it has no throttling where the controller is off."""
    fields = _fields(texts.get("cpu.stat"))
    return Cpu(
        usage_ns=_times(fields.get("usage_usec"), _MICROSECOND_NS),
        user_ns=_times(fields.get("user_usec"), _MICROSECOND_NS),
        system_ns=_times(fields.get("system_usec"), _MICROSECOND_NS),
        periods=fields.get("nr_periods"),
        throttled_periods=fields.get("nr_throttled"),
        throttled_ns=_times(fields.get("throttled_usec"), _MICROSECOND_NS),
    )


def cpu_v1(accounted: Texts, scheduled: Texts) -> Cpu:
    """Return what cpuacct says of time, and what cpu.stat of v1 says of throttling."""
    spent = _fields(accounted.get("cpuacct.stat"))
    held_back = _fields(scheduled.get("cpu.stat"))
    return Cpu(
        usage_ns=_number(accounted.get("cpuacct.usage")),
        user_ns=_times(spent.get("user"), TICK_NS),
        system_ns=_times(spent.get("system"), TICK_NS),
        periods=held_back.get("nr_periods"),
        throttled_periods=held_back.get("nr_throttled"),
        throttled_ns=held_back.get("throttled_time"),
    )


def memory_v2(texts: Texts) -> Memory:
    """Return what the memory controller of v2 says; `kernel` is told since Linux 5.18."""
    stat = _fields(texts.get("memory.stat"))
    usage = _number(texts.get("memory.current"))
    return Memory(
        usage_bytes=usage,
        working_set_bytes=_less(usage, stat.get("inactive_file")),
        limit_bytes=_number(texts.get("memory.max")),
        swap_bytes=_number(texts.get("memory.swap.current")),
        kernel_bytes=stat.get("kernel"),
        cache_bytes=stat.get("file"),
        oom_kills=_fields(texts.get("memory.events")).get("oom_kill"),
    )


def memory_v1(texts: Texts) -> Memory:
    """Return what the memory controller of v1 says of the group and all below it."""
    stat = _fields(texts.get("memory.stat"))
    usage = _number(texts.get("memory.usage_in_bytes"))
    limit = stat.get("hierarchical_memory_limit")
    return Memory(
        usage_bytes=usage,
        working_set_bytes=_less(usage, stat.get("total_inactive_file")),
        limit_bytes=None if limit is None or limit >= _NO_LIMIT else limit,
        swap_bytes=stat.get("total_swap"),
        kernel_bytes=_number(texts.get("memory.kmem.usage_in_bytes")),
        cache_bytes=stat.get("total_cache"),
        oom_kills=_fields(texts.get("memory.oom_control")).get("oom_kill"),
    )


def pids(texts: Texts) -> Pids | None:
    """Return what the pids controller says; it is the same on both versions."""
    current = _number(texts.get("pids.current"))
    return None if current is None else Pids(current=current, limit=_number(texts.get("pids.max")))


def io_v2(texts: Texts) -> BlockIo | None:
    """Return what io.stat says; a device that was never used has no line, or an empty one."""
    if "io.stat" not in texts:
        return None
    devices = {}
    for line in texts["io.stat"].splitlines():
        device, *pairs = line.split()
        told = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        counts = {_IO_KEYS[key]: int(value) for key, value in told.items() if key in _IO_KEYS}
        if ":" in device and counts:
            devices[device] = Traffic(**counts)
    return _block_io(devices)


def io_v1(texts: Texts) -> BlockIo | None:
    """Return what the throttle files of blkio say; bfq's count only under that scheduler."""
    if _V1_BYTES not in texts:
        return None
    counts: dict[str, dict[str, int]] = {}
    for name, suffix in ((_V1_BYTES, "bytes"), (_V1_OPERATIONS, "operations")):
        for line in texts.get(name, "").splitlines():
            device, *words = line.split()
            if len(words) == 2 and words[0] in ("Read", "Write"):
                key = f"{words[0].lower()}_{suffix}"
                counts.setdefault(device, {})[key] = int(words[1])
    return _block_io({device: Traffic(**told) for device, told in counts.items()})


def network(text: str) -> Network:
    """Return what /proc/PID/net/dev says (proc_pid_net(5))."""
    interfaces = {}
    for line in text.splitlines()[2:]:
        name, colon, rest = line.rpartition(":")
        counts = [int(word) for word in rest.split()]
        if colon and len(counts) >= 12:
            interfaces[name.strip()] = Link(
                received_bytes=counts[0],
                received_packets=counts[1],
                received_errors=counts[2],
                received_drops=counts[3],
                sent_bytes=counts[8],
                sent_packets=counts[9],
                sent_errors=counts[10],
                sent_drops=counts[11],
            )
    outside = [link for name, link in interfaces.items() if name != LOOPBACK]
    total = {name: sum(getattr(link, name) for link in outside) for name in Link.__slots__}
    return Network(total=Link(**total), interfaces=interfaces)


def pressure(texts: Texts) -> dict[str, Pressure]:
    """Return the pressure of each resource that the kernel tells of."""
    found = {}
    for name, text in texts.items():
        told = dict(_stalls(text.splitlines()))
        if "some" in told:
            resource = name.removesuffix(".pressure")
            found[resource] = Pressure(some=told["some"], full=told.get("full"))
    return found


def _stalls(lines: Iterable[str]) -> Iterator[tuple[str, Waiting]]:
    for line in lines:
        kind, *pairs = line.split()
        told = dict(pair.split("=", 1) for pair in pairs)
        yield (
            kind,
            Waiting(
                avg10=float(told["avg10"]),
                avg60=float(told["avg60"]),
                avg300=float(told["avg300"]),
                total_microseconds=int(told["total"]),
            ),
        )


def _block_io(devices: Mapping[str, Traffic]) -> BlockIo:
    total = {
        name: sum(getattr(one, name) for one in devices.values()) for name in Traffic.__slots__
    }
    return BlockIo(total=Traffic(**total), devices=devices)


def _fields(text: str | None) -> dict[str, int]:
    """Return lines of `key number`."""
    pairs = (line.split() for line in (text or "").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}


def _number(text: str | None) -> int | None:
    """Return the only number of a file; None where it is missing, or says `max`."""
    word = (text or "").strip()
    return int(word) if word.isdecimal() else None


def _times(count: int | None, unit: int) -> int | None:
    return None if count is None else count * unit


def _less(whole: int | None, part: int | None) -> int | None:
    return None if whole is None or part is None else max(0, whole - part)
