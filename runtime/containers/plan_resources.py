"""What a spec asks for of the machine and its devices, as a bundle has it. Pure."""

from __future__ import annotations

from dataclasses import replace

from runtime.config import ID_RANGE_SIZE
from runtime.errors import InvalidSpec
from runtime.oci.bundle import DeviceWish, Resources
from runtime.spec.container import ContainerSpec
from runtime.spec.devices import Device
from runtime.spec.limits import Limits

_SAME = (
    *("memory_bytes", "memory_swap_bytes", "memory_reservation_bytes", "memory_swappiness", "cpus"),
    *("cpu_period_microseconds", "cpu_burst_microseconds", "cpu_shares", "cpu_idle", "pids"),
    *("cpuset_cpus", "cpuset_mems", "io_weight", "oom_kill_disable"),
)
_RATES = ("read_bps", "write_bps", "read_iops", "write_iops")


def resources(limits: Limits) -> Resources:
    """Return what the cgroup of a container with these limits holds."""
    return Resources(
        **{name: getattr(limits, name) for name in _SAME},
        io_weights=tuple((one.device, one.weight) for one in limits.io_weight_devices),
        io_rates=tuple(
            (kind, one.device, one.rate) for kind in _RATES for one in getattr(limits, f"io_{kind}")
        ),
        huge_pages=tuple((one.page_size, one.limit_bytes) for one in limits.huge_pages),
        unified=tuple(limits.unified.items()),
    )


def with_devices(spec: ContainerSpec) -> Resources:
    """Return all of what the cgroup holds, with the rules of devices."""
    rules = tuple(
        (rule.allow, rule.kind, rule.major, rule.minor, rule.access) for rule in spec.device_rules
    )
    return replace(resources(spec.limits), device_rules=rules)


def devices(spec: ContainerSpec) -> tuple[DeviceWish, ...]:
    """Return the nodes to make. Raises InvalidSpec."""
    return tuple(_device(one) for one in spec.devices)


def _device(device: Device) -> DeviceWish:
    for name in ("uid", "gid"):
        if (getattr(device, name) or 0) >= ID_RANGE_SIZE:
            raise InvalidSpec(f"devices.{name}", f"is not one of a container's {ID_RANGE_SIZE} ids")
    target = device.target or device.source or ""
    if not target.startswith("/dev/"):
        raise InvalidSpec("devices.target", f"{target} does not lie in /dev")
    return DeviceWish(
        target=target,
        source=device.source,
        kind=device.kind if device.source is None else None,
        major=device.major or 0,
        minor=device.minor or 0,
        permissions=device.permissions,
        mode=device.mode,
        uid=device.uid,
        gid=device.gid,
    )
