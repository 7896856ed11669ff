"""Decide which control files hold a container's limits, on v1 and on v2. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from runtime.cgroups.layout import Layout
from runtime.errors import InvalidSpec
from runtime.oci.bundle import Resources

_MINIMUM_QUOTA = 1_000
"""The kernel refuses a quota under one millisecond."""

ALLOWED_DEVICES = (
    ("c", None, None, "m"),
    ("b", None, None, "m"),
    ("c", 1, 3, "rwm"),
    ("c", 1, 5, "rwm"),
    ("c", 1, 7, "rwm"),
    ("c", 1, 8, "rwm"),
    ("c", 1, 9, "rwm"),
    ("c", 5, 0, "rwm"),
    ("c", 5, 1, "rwm"),
    ("c", 5, 2, "rwm"),
    ("c", 136, None, "rwm"),
)
"""null zero full random urandom tty console ptmx pts; nodes of any kind may be made, not opened."""


@dataclass(frozen=True, slots=True)
class Write:
    """Write `value` to the control file `name` of the group that has `controller`.

    An `optional` file may be missing: kernels are built without some of them.
    """

    controller: str
    name: str
    value: str
    optional: bool = False

    def __str__(self) -> str:
        return f"{self.name} = {self.value}"


def plan_limits(resources: Resources, layout: Layout) -> tuple[Write, ...]:
    """Return what to write, in order. Raises InvalidSpec for a limit the host cannot hold."""
    writes: list[Write] = []
    for controller, field, value, plan in (
        ("memory", "memory_bytes", resources.memory_bytes, partial(_memory, resources)),
        ("memory", "memory_reservation_bytes", resources.memory_reservation_bytes, _reservation),
        ("memory", "memory_swappiness", resources.memory_swappiness, _swappiness),
        ("cpu", "cpus", resources.cpus, partial(_cpu, resources.cpu_period_microseconds)),
        ("cpu", "cpu_burst_microseconds", resources.cpu_burst_microseconds, _burst),
        ("cpu", "cpu_shares", resources.cpu_shares, _shares),
        ("cpu", "cpu_idle", resources.cpu_idle or None, _idle),
        ("pids", "pids", resources.pids, _pids),
    ):
        if value is None:
            continue
        tree = layout.find(controller)
        if tree is None:
            raise InvalidSpec(f"limits.{field}", f"this host has no {controller} cgroup controller")
        writes += plan(value, tree.version)
    return tuple(writes) + _devices(layout)


def cpu_weight(shares: int) -> int:
    """Return what 2 to 262,144 shares of v1 are among the weights of v2, 1 to 10,000."""
    return 1 + (min(max(shares, 2), 262_144) - 2) * 9_999 // 262_142


def _memory(resources: Resources, size: float, version: int) -> list[Write]:
    """Limit memory and, unless swap is asked for, leave none: the limit kills, it does not slow."""
    total = size if resources.memory_swap_bytes is None else resources.memory_swap_bytes
    none = total == size
    if version == 2:
        swap = "max" if total < 0 else f"{total - size}"
        return [
            Write("memory", "memory.max", f"{size}"),
            Write("memory", "memory.swap.max", swap, optional=none),
        ]
    return [
        Write("memory", "memory.limit_in_bytes", f"{size}"),
        Write("memory", "memory.memsw.limit_in_bytes", f"{total}", optional=none),
    ]


def _reservation(size: float, version: int) -> list[Write]:
    name = "memory.low" if version == 2 else "memory.soft_limit_in_bytes"
    return [Write("memory", name, f"{size}")]


def _swappiness(value: float, version: int) -> list[Write]:
    if version == 2:
        raise InvalidSpec(
            "limits.memory_swappiness", "cgroup v2, as on this host, has none: leave it out"
        )
    return [Write("memory", "memory.swappiness", f"{value}")]


def _cpu(period: int, cpus: float, version: int) -> list[Write]:
    quota = max(_MINIMUM_QUOTA, round(cpus * period))
    if version == 2:
        return [Write("cpu", "cpu.max", f"{quota} {period}")]
    return [
        Write("cpu", "cpu.cfs_period_us", f"{period}"),
        Write("cpu", "cpu.cfs_quota_us", f"{quota}"),
    ]


def _burst(microseconds: float, version: int) -> list[Write]:
    name = "cpu.max.burst" if version == 2 else "cpu.cfs_burst_us"
    return [Write("cpu", name, f"{microseconds}")]


def _shares(shares: float, version: int) -> list[Write]:
    if version == 2:
        return [Write("cpu", "cpu.weight", f"{cpu_weight(int(shares))}")]
    return [Write("cpu", "cpu.shares", f"{shares}")]


def _idle(_: float, _version: int) -> list[Write]:
    return [Write("cpu", "cpu.idle", "1")]


def _pids(count: float, _version: int) -> list[Write]:
    return [Write("pids", "pids.max", f"{count}")]


def _devices(layout: Layout) -> tuple[Write, ...]:
    """Deny all devices but the harmless ones; on v2 a BPF program does it instead."""
    if layout.find("devices") is None:
        return ()
    rules = [Write("devices", "devices.deny", "a")]
    for kind, major, minor, access in ALLOWED_DEVICES:
        numbers = f"{'*' if major is None else major}:{'*' if minor is None else minor}"
        rules.append(Write("devices", "devices.allow", f"{kind} {numbers} {access}"))
    return tuple(rules)
