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
        ("memory", "memory_bytes", resources.memory_bytes, _memory),
        ("cpu", "cpus", resources.cpus, partial(_cpu, resources.cpu_period_microseconds)),
        ("pids", "pids", resources.pids, _pids),
    ):
        if value is None:
            continue
        tree = layout.find(controller)
        if tree is None:
            raise InvalidSpec(f"limits.{field}", f"this host has no {controller} cgroup controller")
        writes += plan(value, tree.version)
    return tuple(writes) + _devices(layout)


def _memory(size: float, version: int) -> list[Write]:
    """Limit memory and leave no swap, so that the limit kills instead of slowing the host."""
    if version == 2:
        return [
            Write("memory", "memory.max", f"{size}"),
            Write("memory", "memory.swap.max", "0", optional=True),
        ]
    return [
        Write("memory", "memory.limit_in_bytes", f"{size}"),
        Write("memory", "memory.memsw.limit_in_bytes", f"{size}", optional=True),
    ]


def _cpu(period: int, cpus: float, version: int) -> list[Write]:
    quota = max(_MINIMUM_QUOTA, round(cpus * period))
    if version == 2:
        return [Write("cpu", "cpu.max", f"{quota} {period}")]
    return [
        Write("cpu", "cpu.cfs_period_us", f"{period}"),
        Write("cpu", "cpu.cfs_quota_us", f"{quota}"),
    ]


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
