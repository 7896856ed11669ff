"""Decide about limits that few containers ask for: CPUs, block I/O, huge pages, devices. Pure.

They are planned as those of an OCI bundle are; only the names of fields are the spec's.
"""

from __future__ import annotations

from dataclasses import replace

from runtime.cgroups.layout import Layout
from runtime.cgroups.plan import Write, plan_usual
from runtime.cgroups.resources_plan import ResourcePlan, plan_resources
from runtime.errors import InvalidSpec
from runtime.oci.bundle import Resources
from runtime.oci.config_resources import (
    BlockIO,
    Cpu,
    DeviceRule,
    LinuxResources,
    Memory,
    Throttle,
)

_FURTHER = (
    *("cpuset_cpus", "cpuset_mems", "io_weight", "io_weights", "io_rates", "huge_pages"),
    *("unified", "oom_kill_disable", "device_rules"),
)
_OCI = "linux.resources."
_FIELDS = {
    "cpu.cpus": "limits.cpuset_cpus",
    "cpu.mems": "limits.cpuset_mems",
    "blockIO.weight": "limits.io_weight",
    "hugepageLimits": "limits.huge_pages",
    "memory.disableOOMKiller": "limits.oom_kill_disable",
}
"""Field of runtime-spec -> the spec's."""
_FILES = {
    "cpuset.cpus": "limits.cpuset_cpus",
    "cpuset.mems": "limits.cpuset_mems",
    "memory.oom_control": "limits.oom_kill_disable",
    "blkio.bfq.weight": "limits.io_weight",
    "blkio.bfq.weight_device": "limits.io_weight_devices",
    **{
        f"blkio.throttle.{kind}_device": f"limits.io_{kind}"
        for kind in ("read_bps", "write_bps", "read_iops", "write_iops")
    },
    "devices.allow": "device_rules",
    "devices.deny": "device_rules",
}
_KEYS = {
    "rbps": "limits.io_read_bps",
    "wbps": "limits.io_write_bps",
    "riops": "limits.io_read_iops",
    "wiops": "limits.io_write_iops",
}
"""Key in io.max of v2 -> field."""


def asks_further(resources: Resources) -> bool:
    """Say whether there is anything that `plan_limits` knows nothing of."""
    return any(getattr(resources, name) for name in _FURTHER)


def plan_further(resources: Resources, layout: Layout) -> ResourcePlan:
    """Return all writes and rules of `resources`; `layout` should be of `detect_all`.

    Devices are by their numbers. Raises InvalidSpec for what the host's cgroups cannot do.
    """
    wanted = _as_oci(resources)
    try:
        plan = plan_resources(wanted, layout)
    except InvalidSpec as wrong:
        raise InvalidSpec(_field(wrong.field, resources), wrong.reason) from None
    named = (replace(write, field=_field_of(write)) for write in plan.writes)
    return ResourcePlan((*plan_usual(resources, layout), *named), plan.rules)


def _as_oci(resources: Resources) -> LinuxResources:
    for name, _value in resources.unified:
        if "/" in name or "." not in name or name.startswith("."):
            raise InvalidSpec(f"limits.unified.{name}", "is not the name of a control file")
    return LinuxResources(
        devices=tuple(
            DeviceRule(allow=allow, kind=kind, major=major, minor=minor, access=access)
            for allow, kind, major, minor, access in resources.device_rules
        ),
        memory=Memory(disable_oom_killer=resources.oom_kill_disable),
        cpu=Cpu(cpus=resources.cpuset_cpus or "", mems=resources.cpuset_mems or ""),
        block_io=BlockIO(
            weight=resources.io_weight,
            device_weights=tuple(
                (*_numbers(device), weight) for device, weight in resources.io_weights
            ),
            throttles=tuple(
                Throttle(kind, *_numbers(device), rate) for kind, device, rate in resources.io_rates
            ),
        ),
        huge_pages=resources.huge_pages,
        unified=resources.unified,
    )


def _numbers(device: str) -> tuple[int, int]:
    major, _, minor = device.partition(":")
    return int(major), int(minor)


def _field(oci: str, resources: Resources) -> str:
    """Return the spec's name of a field of runtime-spec."""
    name = oci.removeprefix(_OCI)
    if name == "blockIO" and resources.io_rates:
        return f"limits.io_{resources.io_rates[0][0]}"
    if name.startswith("devices"):
        return "device_rules"
    if name == "blockIO.weight" and resources.io_weight is None:
        return "limits.io_weight_devices"
    return _FIELDS.get(name, f"limits.{name}")


def _field_of(write: Write) -> str:
    """Return which field a write is of."""
    if write.name.startswith("hugetlb."):
        return "limits.huge_pages"
    if write.name == "io.weight":
        everywhere = write.value.startswith("default")
        return "limits.io_weight" if everywhere else "limits.io_weight_devices"
    if write.name == "io.max":
        return _KEYS.get(write.value.rpartition(" ")[2].partition("=")[0], "limits.unified.io.max")
    return _FILES.get(write.name, f"limits.unified.{write.name}")
