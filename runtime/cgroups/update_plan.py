"""Decide how the limits of a group that is in use are changed, on v1 and on v2. Pure.

What a new group has no need of: the order depends on what holds now, and files that carry two
limits at once want both. 0 leaves a limit as it is, except where it says that something ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runtime.cgroups.layout import Layout
from runtime.cgroups.plan import Write
from runtime.cgroups.resources_plan import plan_writes
from runtime.errors import InvalidSpec
from runtime.oci.config_resources import LinuxResources, Memory

_V1_LIMIT = "memory.limit_in_bytes"
_V1_BOTH = "memory.memsw.limit_in_bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What a group has: bytes and microseconds, -1 for no limit, None where there is none to have.

    `both` is memory and swap together, which only v1 counts so.
    """

    memory: int | None = None
    both: int | None = None
    used: int | None = None
    quota: int | None = None
    period: int | None = None


def complete(document: dict[str, Any], present: Present) -> dict[str, Any]:
    """Return `linux.resources` with what its limits need beside them and did not say."""
    made = dict(document)
    memory, cpu = document.get("memory"), document.get("cpu")
    if isinstance(memory, dict):
        made["memory"] = _complete_memory(memory, present)
    if isinstance(cpu, dict):
        pair = {"quota": present.quota, "period": present.period}
        if any(cpu.get(name) for name in pair):
            absent = {name: value for name, value in pair.items() if not cpu.get(name) and value}
            made["cpu"] = cpu | absent
    return made


def plan_update(resources: LinuxResources, layout: Layout, present: Present) -> tuple[Write, ...]:
    """Return what to write, in order. Raises InvalidSpec for what the host's cgroups cannot do.

    Rules of devices are not among it.
    """
    _check(resources.memory, present)
    writes = list(plan_writes(resources, layout))
    cpu = resources.cpu
    if cpu.idle == 0:  # before a weight, which an idle group does not take
        writes.insert(0, Write("cpu", "cpu.idle", "0", optional=True))
    if cpu.burst == 0:
        tree = layout.find("cpu")
        name = "cpu.max.burst" if tree is not None and tree.version == 2 else "cpu.cfs_burst_us"
        writes.insert(0, Write("cpu", name, "0", optional=True))
    if _grows(resources.memory, present):
        # On v1 the sum must never be lower than the limit of memory.
        both = [write for write in writes if write.name == _V1_BOTH]
        writes = [*both, *(write for write in writes if write.name != _V1_BOTH)]
    return tuple(writes)


def _complete_memory(memory: dict[str, Any], present: Present) -> dict[str, Any]:
    swap, limit = memory.get("swap"), memory.get("limit")
    if isinstance(swap, int) and swap > 0 and not limit and present.memory:
        return memory | {"limit": present.memory}
    if limit == -1 and not swap and present.both is not None:
        return memory | {"swap": -1}
    return memory


def _check(memory: Memory, present: Present) -> None:
    """Refuse a limit that would have the kernel kill, where it was asked to look before."""
    used, limit = present.used, memory.limit
    if memory.check_before_update and used is not None and limit and 0 < limit < used:
        reason = f"{limit} is less than the {used} bytes in use"
        raise InvalidSpec("linux.resources.memory.limit", reason)


def _grows(memory: Memory, present: Present) -> bool:
    if not memory.swap or present.both is None:
        return False
    return memory.swap == -1 or 0 <= present.both < memory.swap
