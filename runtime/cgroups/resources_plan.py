"""Decide which control files hold the limits of an OCI bundle, on v1 and on v2. Pure.

The specification words them for v1. What v2 words otherwise is translated, what it has not is
refused: a limit that is passed over would be believed in. 0 leaves a limit as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from runtime.cgroups.layout import Hierarchy, Layout
from runtime.cgroups.plan import ALLOWED_DEVICES, Write, cpu_weight
from runtime.errors import InvalidSpec
from runtime.oci.config_resources import BlockIO, Cpu, DeviceRule, LinuxResources, Memory

_FIELD = "linux.resources"
_PERIOD_MICROSECONDS = 100_000
_THROTTLES = {
    "read_bps": "rbps",
    "write_bps": "wbps",
    "read_iops": "riops",
    "write_iops": "wiops",
}
"""Kind of a rate, as v1 spells it in a file's name -> its key in io.max of v2."""
_EVERYTHING = DeviceRule(allow=False, kind="a", major=None, minor=None, access="rwm")


@dataclass(frozen=True, slots=True)
class ResourcePlan:
    """What to write, in order, and the rules of devices: the last one that fits decides."""

    writes: tuple[Write, ...]
    rules: tuple[DeviceRule, ...]


def plan_resources(resources: LinuxResources, layout: Layout) -> ResourcePlan:
    """Return how a new group gets its limits.

    Devices are refused unless a rule allows them; the default devices always work. `layout` should
    be of `detect_all`. Raises InvalidSpec for what the host's cgroups cannot do.
    """
    rules = plan_rules(resources.devices)
    writes = list(plan_writes(resources, layout))
    if layout.find("devices") is not None:
        _refuse_holes(resources.devices)
        writes += [_plan_rule(rule) for rule in rules]
    return ResourcePlan(tuple(writes), rules)


def plan_writes(resources: LinuxResources, layout: Layout) -> tuple[Write, ...]:
    """Return how limits are set, devices apart. Raises InvalidSpec, as `plan_resources` does."""
    host = _Host(layout)
    return (
        *_plan_memory(resources.memory, host),
        *_plan_cpu(resources.cpu, host),
        *_plan_processors(resources.cpu, host),
        *_plan_pids(resources.pids, host),
        *_plan_block_io(resources.block_io, host),
        *_plan_huge_pages(resources.huge_pages, host),
        *_plan_unified(resources.unified, layout),
    )


def plan_rules(given: tuple[DeviceRule, ...]) -> tuple[DeviceRule, ...]:
    """Return all rules in order: nothing, what is given, the default devices.

    A rule of kind "a" that does not mean everything becomes one for each kind: v1 overlooks its
    numbers and its access.
    """
    found = [_EVERYTHING]
    for rule in given:
        kinds = ("b", "c") if rule.kind == "a" and _is_partial(rule) else (rule.kind,)
        found += [replace(rule, kind=kind) for kind in kinds]
    for kind, major, minor, access in ALLOWED_DEVICES:
        found.append(DeviceRule(allow=True, kind=kind, major=major, minor=minor, access=access))
    return tuple(found)


DEFAULT_RULES = plan_rules(())
"""What holds where nothing is asked for."""


def _refuse_holes(given: tuple[DeviceRule, ...]) -> None:
    """Refuse a rule that v1 would take and not obey.

    A v1 group keeps one answer and a list of exceptions to it. A rule of the same answer only
    strikes out exceptions with just its numbers: those that it overlaps otherwise stay.
    """
    answer = False
    exceptions: list[DeviceRule] = []
    for place, rule in enumerate(given):
        if rule.kind == "a" and not _is_partial(rule):
            answer, exceptions = rule.allow, []
        elif rule.allow != answer:
            exceptions.append(rule)
        elif any(_only_overlaps(rule, other) for other in exceptions):
            reason = "cgroup v1 cannot make a hole in a wider rule; list the devices one by one"
            raise InvalidSpec(f"{_FIELD}.devices[{place}]", reason)
    for default in DEFAULT_RULES if answer else ():
        if default.major is not None and any(_only_overlaps(default, rule) for rule in exceptions):
            reason = f"would take {_plan_rule(default).value} away, which every container has"
            raise InvalidSpec(f"{_FIELD}.devices", reason)


def _only_overlaps(rule: DeviceRule, other: DeviceRule) -> bool:
    """Say whether some access fits both rules, though they are not of the same devices."""
    pairs = ((rule.major, other.major), (rule.minor, other.minor))
    meets = all(left is None or right is None or left == right for left, right in pairs)
    same = rule.kind == other.kind and all(left == right for left, right in pairs)
    kinds = "a" in (rule.kind, other.kind) or rule.kind == other.kind
    return meets and kinds and not same and bool(set(rule.access) & set(other.access))


def _is_partial(rule: DeviceRule) -> bool:
    return (rule.major, rule.minor) != (None, None) or set(rule.access) != set("rwm")


class _Host:
    """Answers for each limit which version of a controller holds it."""

    __slots__ = ("_layout",)

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def version(self, controller: str, field: str, *, v2_name: str = "") -> int:
        """Return 1 or 2. Raises InvalidSpec where the host lacks the controller."""
        for name in (controller, v2_name or controller):
            tree = self._layout.find(name)
            if tree is not None:
                return tree.version
        raise InvalidSpec(f"{_FIELD}.{field}", f"this host has no {controller} cgroup controller")

    def only_v1(self, controller: str, field: str) -> None:
        """Raise InvalidSpec where v2 has the controller, for a limit that v2 has not."""
        if self.version(controller, field) != 1:
            raise InvalidSpec(f"{_FIELD}.{field}", "cgroup v2 has no such limit")


def _plan_memory(memory: Memory, host: _Host) -> Iterator[Write]:
    """Limit before swap: on v1 the latter, which counts both, must never be the lower one."""
    sizes = (
        ("limit", memory.limit, "memory.limit_in_bytes", "memory.max"),
        ("reservation", memory.reservation, "memory.soft_limit_in_bytes", "memory.low"),
        ("swap", memory.swap, "memory.memsw.limit_in_bytes", "memory.swap.max"),
    )
    for name, value, v1_file, v2_file in sizes:
        if not value:
            continue
        if host.version("memory", f"memory.{name}") == 1:
            yield Write("memory", v1_file, str(value))
        else:
            both = value - (memory.limit or 0) if name == "swap" else value
            yield Write("memory", v2_file, "max" if value < 0 else str(both))
    if memory.swappiness is not None:
        host.only_v1("memory", "memory.swappiness")
        yield Write("memory", "memory.swappiness", str(memory.swappiness))
    if memory.disable_oom_killer:
        host.only_v1("memory", "memory.disableOOMKiller")
        yield Write("memory", "memory.oom_control", "1")


def _plan_cpu(cpu: Cpu, host: _Host) -> Iterator[Write]:
    asked = {
        "shares": cpu.shares,
        "period": cpu.period,
        "quota": cpu.quota,
        "burst": cpu.burst,
        "idle": cpu.idle,
    }
    given = [name for name, value in asked.items() if value]
    for name, value in (
        ("realtimePeriod", cpu.realtime_period),
        ("realtimeRuntime", cpu.realtime_runtime),
    ):
        if value:
            host.only_v1("cpu", f"cpu.{name}")
            yield Write("cpu", f"cpu.rt_{name.removeprefix('realtime').lower()}_us", str(value))
    if given and host.version("cpu", f"cpu.{given[0]}") == 2:
        yield from _plan_cpu_v2(cpu)
        return
    files = {
        "shares": "cpu.shares",
        "period": "cpu.cfs_period_us",
        "quota": "cpu.cfs_quota_us",
        "burst": "cpu.cfs_burst_us",
        "idle": "cpu.idle",
    }
    for name in given:
        yield Write("cpu", files[name], str(asked[name]))


def _plan_cpu_v2(cpu: Cpu) -> Iterator[Write]:
    """Shares of 2 to 262,144 are weights of 1 to 10,000; an idle group takes no weight."""
    if cpu.shares and not cpu.idle:
        yield Write("cpu", "cpu.weight", str(cpu_weight(cpu.shares)))
    if cpu.quota or cpu.period:
        quota = str(cpu.quota) if cpu.quota and cpu.quota > 0 else "max"
        yield Write("cpu", "cpu.max", f"{quota} {cpu.period or _PERIOD_MICROSECONDS}")
    if cpu.burst:
        yield Write("cpu", "cpu.max.burst", str(cpu.burst))
    if cpu.idle:
        yield Write("cpu", "cpu.idle", "1")


def _plan_processors(cpu: Cpu, host: _Host) -> Iterator[Write]:
    for name, value in (("cpus", cpu.cpus), ("mems", cpu.mems)):
        if value:
            host.version("cpuset", f"cpu.{name}")
            yield Write("cpuset", f"cpuset.{name}", value)


def _plan_pids(limit: int | None, host: _Host) -> Iterator[Write]:
    if limit:
        host.version("pids", "pids.limit")
        yield Write("pids", "pids.max", str(limit) if limit > 0 else "max")


def _plan_block_io(block_io: BlockIO, host: _Host) -> Iterator[Write]:
    """On v1 only the BFQ scheduler has weights; on v2 10 to 1,000 become 1 to 10,000."""
    if block_io.weight or block_io.device_weights:
        v1 = host.version("blkio", "blockIO.weight", v2_name="io") == 1
        weights = [("", block_io.weight)] if block_io.weight else []
        weights += [(f"{major}:{minor} ", w) for major, minor, w in block_io.device_weights]
        for device, weight in weights:
            assert weight is not None
            if v1:
                name = "blkio.bfq.weight_device" if device else "blkio.bfq.weight"
                yield Write("blkio", name, f"{device}{weight}")
            else:
                scaled = 1 + (max(weight, 10) - 10) * 9_999 // 990
                yield Write("io", "io.weight", f"{device or 'default '}{scaled}")
    for throttle in block_io.throttles:
        device = f"{throttle.major}:{throttle.minor}"
        if host.version("blkio", "blockIO", v2_name="io") == 1:
            name = f"blkio.throttle.{throttle.kind}_device"
            yield Write("blkio", name, f"{device} {throttle.rate}")
        else:
            rate = throttle.rate or "max"
            yield Write("io", "io.max", f"{device} {_THROTTLES[throttle.kind]}={rate}")


def _plan_huge_pages(limits: tuple[tuple[str, int], ...], host: _Host) -> Iterator[Write]:
    for size, limit in limits:
        v1 = host.version("hugetlb", "hugepageLimits") == 1
        yield Write("hugetlb", f"hugetlb.{size}.{'limit_in_bytes' if v1 else 'max'}", str(limit))


def _plan_unified(files: tuple[tuple[str, str], ...], layout: Layout) -> Iterator[Write]:
    """Files of v2 by their own names; the group's own (`cgroup.*`) are not for a container."""
    for name, value in files:
        controller = name.partition(".")[0]
        tree: Hierarchy | None = layout.unified
        if tree is None or controller not in tree.controllers:
            reason = f"this host's cgroup v2 has no {controller} controller"
            raise InvalidSpec(f"{_FIELD}.unified.{name}", reason)
        yield Write(controller, name, value)


def _plan_rule(rule: DeviceRule) -> Write:
    name = "devices.allow" if rule.allow else "devices.deny"
    if rule.kind == "a":
        return Write("devices", name, "a")
    numbers = ":".join("*" if n is None else str(n) for n in (rule.major, rule.minor))
    return Write("devices", name, f"{rule.kind} {numbers} {rule.access}")
