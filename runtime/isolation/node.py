"""What of a bundle depends on the node that it starts on: decided anew for each run."""

from __future__ import annotations

import os
import resource
import stat
from dataclasses import dataclass, replace

from runtime.config import ID_RANGE_SIZE
from runtime.errors import InvalidSpec
from runtime.isolation import capabilities
from runtime.kernel import caps
from runtime.oci.bundle import Bundle, DeviceWish, Resources
from runtime.oci.config_process import RLIMITS

_ENDLESS = 2**64 - 1
_NOFILE = RLIMITS.index("RLIMIT_NOFILE")
_SYS_RESOURCE = 1 << capabilities.NUMBERS["CAP_SYS_RESOURCE"]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A bundle that this node can carry out, and what is not as it was asked for."""

    bundle: Bundle
    notices: tuple[str, ...] = ()


def fit(bundle: Bundle) -> Fitted:
    """Return `bundle` as it can be had here: devices by their numbers, limits that we may give.

    Raises InvalidSpec that names the field, for a device that there is not.
    """
    if bundle.devices:
        devices = tuple(_found(device) for device in bundle.devices)
        bundle = replace(bundle, devices=devices, resources=_with_rules(bundle.resources, devices))
    if bundle.resources.io_weights or bundle.resources.io_rates:
        bundle = replace(bundle, resources=_with_numbers(bundle.resources))
    if not bundle.rlimits:
        return Fitted(bundle)
    ceilings = {number: _ceiling(number) for number, _, _ in bundle.rlimits}
    rlimits, notices = fit_limits(bundle.rlimits, ceilings)
    return Fitted(replace(bundle, rlimits=rlimits), notices)


def fit_limits(
    wanted: tuple[tuple[int, int, int], ...], ceilings: dict[int, int]
) -> tuple[tuple[tuple[int, int, int], ...], tuple[str, ...]]:
    """Return (number, soft, hard) no higher than `ceilings`, and a sentence for each that was.

    2**64-1 is no limit. Pure.
    """
    fitted, notices = [], []
    for number, soft, hard in wanted:
        ceiling = ceilings[number]
        fitted.append((number, min(soft, ceiling), min(hard, ceiling)))
        if hard > ceiling:
            name = RLIMITS[number].removeprefix("RLIMIT_").lower()
            asked = "no limit" if hard == _ENDLESS else str(hard)
            notices.append(
                f"limits.ulimits: {name}: this node gives {ceiling} at most, {asked} was asked for"
            )
    return tuple(fitted), tuple(notices)


def _found(wish: DeviceWish) -> DeviceWish:
    """Return a device by its kind and numbers, for it may have others after a reboot."""
    if wish.source is None:
        return wish
    about = _look_at(wish.source, "devices.source")
    kinds = {stat.S_IFCHR: "c", stat.S_IFBLK: "b"}
    kind = kinds.get(stat.S_IFMT(about.st_mode))
    if kind is None:
        raise InvalidSpec("devices.source", f"{wish.source} is not a device")
    mapped = (about.st_uid, about.st_gid)
    uid, gid = (own if own < ID_RANGE_SIZE else 0 for own in mapped)
    return replace(
        wish,
        kind=kind,
        major=os.major(about.st_rdev),
        minor=os.minor(about.st_rdev),
        mode=stat.S_IMODE(about.st_mode) if wish.mode is None else wish.mode,
        uid=uid if wish.uid is None else wish.uid,
        gid=gid if wish.gid is None else wish.gid,
    )


def _with_rules(resources: Resources, devices: tuple[DeviceWish, ...]) -> Resources:
    """Return limits that also let the container use `devices`."""
    rules = tuple(
        (True, "b" if one.kind == "b" else "c", one.major, one.minor, one.permissions)
        for one in devices
        if one.kind != "p"
    )
    return replace(resources, device_rules=(*resources.device_rules, *rules))


def _with_numbers(resources: Resources) -> Resources:
    return replace(
        resources,
        io_weights=tuple(
            (_number(device, "limits.io_weight_devices"), weight)
            for device, weight in resources.io_weights
        ),
        io_rates=tuple(
            (kind, _number(device, f"limits.io_{kind}"), rate)
            for kind, device, rate in resources.io_rates
        ),
    )


def _number(device: str, field: str) -> str:
    if not device.startswith("/"):
        return device
    about = _look_at(device, field)
    if not stat.S_ISBLK(about.st_mode):
        raise InvalidSpec(field, f"{device} is not a block device")
    return f"{os.major(about.st_rdev)}:{os.minor(about.st_rdev)}"


def _look_at(path: str, field: str) -> os.stat_result:
    try:
        return os.stat(path)
    except OSError as error:
        reason = f"{path}: {os.strerror(error.errno or 0).lower()}"
        raise InvalidSpec(field, reason) from None


def _ceiling(number: int) -> int:
    """Return the highest hard limit that can be given. See capabilities(7), proc_sys_fs(5)."""
    if not caps.capget().effective & _SYS_RESOURCE:
        return resource.getrlimit(number)[1] % (_ENDLESS + 1)
    if number != _NOFILE:
        return _ENDLESS
    descriptor = os.open("/proc/sys/fs/nr_open", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(descriptor, 32))
    finally:
        os.close(descriptor)
