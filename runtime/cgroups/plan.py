"""Decide which control files hold a container's limits, on v1 and on v2. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from runtime.cgroups.layout import Layout
from runtime.errors import InvalidSpec
from runtime.oci.bundle import Resources

_V1_MEMORY = "memory.limit_in_bytes"
_V1_SWAP = "memory.memsw.limit_in_bytes"
_V2_SWAP = "memory.swap.max"
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

    An `optional` file may be missing: kernels are built without some of them. `field` is what a
    refusal is told of, where that is the caller's to mend.
    """

    controller: str
    name: str
    value: str
    optional: bool = False
    field: str = ""

    def __str__(self) -> str:
        return f"{self.name} = {self.value}"


def plan_limits(resources: Resources, layout: Layout) -> tuple[Write, ...]:
    """Return what to write, in order, for what all containers may ask for; with their devices.

    Raises InvalidSpec for a limit the host cannot hold.
    """
    return plan_usual(resources, layout) + _devices(layout)


def plan_usual(resources: Resources, layout: Layout) -> tuple[Write, ...]:
    """As `plan_limits`, without devices."""
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
    return tuple(writes)


def plan_change(before: Resources | None, after: Resources, layout: Layout) -> tuple[Write, ...]:
    """Return what to write, in order, into a group that holds `before` so that it holds `after`.

    Where `before` is None nobody knows what it holds, and all is written. What has no limit gets
    the kernel's default. Only what can be changed of a group in use is looked at: memory, swap,
    reservation, CPU time and shares, pids. Raises InvalidSpec for a limit the host cannot hold.
    """
    plan_limits(after, layout)
    writes: list[Write] = []
    for controller, settings in (
        ("memory", _memory_held),
        ("cpu", _cpu_held),
        ("pids", _pids_held),
    ):
        tree = layout.find(controller)
        if tree is None:
            continue
        held = () if before is None else settings(before, tree.version)
        changed = [write for write in settings(after, tree.version) if write not in held]
        if {write.name for write in changed} & {_V1_MEMORY, _V1_SWAP}:
            changed = _both_at_once(changed, settings(after, tree.version))
        writes += changed
    return tuple(writes)


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
            Write("memory", _V2_SWAP, swap, optional=none),
        ]
    return [
        Write("memory", _V1_MEMORY, f"{size}"),
        Write("memory", _V1_SWAP, f"{total}", optional=none),
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


def _memory_held(resources: Resources, version: int) -> tuple[Write, ...]:
    """Return each file of memory with what it holds, the kernel's defaults too."""
    size, reserved = resources.memory_bytes, resources.memory_reservation_bytes
    if size is not None:
        limits = _memory(resources, size, version)
    elif version == 2:
        limits = [
            Write("memory", "memory.max", "max"),
            Write("memory", _V2_SWAP, "max", optional=True),
        ]
    else:
        limits = [Write("memory", _V1_MEMORY, "-1"), Write("memory", _V1_SWAP, "-1", optional=True)]
    if reserved is not None:
        return (*limits, *_reservation(reserved, version))
    if version == 2:
        return (*limits, Write("memory", "memory.low", "0"))
    return (*limits, Write("memory", "memory.soft_limit_in_bytes", "-1"))


def _cpu_held(resources: Resources, version: int) -> tuple[Write, ...]:
    period = resources.cpu_period_microseconds
    if resources.cpus is not None:
        quota = _cpu(period, resources.cpus, version)
    elif version == 2:
        quota = [Write("cpu", "cpu.max", f"max {period}")]
    else:
        quota = [Write("cpu", "cpu.cfs_quota_us", "-1")]
    if resources.cpu_idle:  # it has no shares
        return tuple(quota)
    if resources.cpu_shares is not None:
        return (*quota, *_shares(resources.cpu_shares, version))
    default = (
        Write("cpu", "cpu.weight", "100") if version == 2 else Write("cpu", "cpu.shares", "1024")
    )
    return (*quota, default)


def _pids_held(resources: Resources, _version: int) -> tuple[Write, ...]:
    count = "max" if resources.pids is None else f"{resources.pids}"
    return (Write("pids", "pids.max", count),)


def _both_at_once(changed: list[Write], wanted: tuple[Write, ...]) -> list[Write]:
    """Write v1's two limits so that memory with swap is never below memory alone (EINVAL)."""
    both = [write for write in wanted if write.name in (_V1_MEMORY, _V1_SWAP)]
    rest = [write for write in changed if write not in both]
    return [Write("memory", _V1_SWAP, "-1", optional=True), *both, *rest]
