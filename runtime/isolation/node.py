"""What of a bundle depends on the node that it starts on: decided anew for each run."""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from runtime.abi import RLIMITS
from runtime.config import ID_RANGE_SIZE
from runtime.errors import InvalidSpec
from runtime.isolation import capabilities
from runtime.isolation.plan import DEVICES, TAKEN
from runtime.kernel import caps
from runtime.oci.bundle import Bundle, DeviceWish, Resources

_ENDLESS = 2**64 - 1
_NOFILE = RLIMITS.index("RLIMIT_NOFILE")
_SYS_RESOURCE = 1 << capabilities.NUMBERS["CAP_SYS_RESOURCE"]
_LARGEST_FILE = 65_536
_NODES = {stat.S_IFCHR: "c", stat.S_IFBLK: "b"}
"""Type of a node -> its kind."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A bundle that this node can carry out, and what is not as it was asked for."""

    bundle: Bundle
    notices: tuple[str, ...] = ()


def fit(bundle: Bundle) -> Fitted:
    """Return `bundle` as it can be had here: devices by their numbers, limits that we may give.

    Raises InvalidSpec that names the field, for a device that there is not.
    """
    lacking: tuple[str, ...] = ()
    if bundle.host_namespaces:
        lacking = _lacking(bundle)
        bundle = _with_host(bundle, lacking)
    if bundle.devices:
        devices = tuple(_found(device) for device in bundle.devices)
        bundle = replace(bundle, devices=devices)
        if not bundle.privileged:
            bundle = replace(bundle, resources=_with_rules(bundle.resources, devices))
    if bundle.resources.io_weights or bundle.resources.io_rates:
        bundle = replace(bundle, resources=_with_numbers(bundle.resources))
    asked = () if bundle.privileged else lacking
    told = tuple(f"this node has no {name} to give" for name in asked)
    if not bundle.rlimits:
        return Fitted(bundle, told)
    ceilings = {number: _ceiling(number) for number, _, _ in bundle.rlimits}
    rlimits, notices = fit_limits(bundle.rlimits, ceilings)
    return Fitted(replace(bundle, rlimits=rlimits), told + notices)


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


def _lacking(bundle: Bundle) -> tuple[str, ...]:
    """Return capabilities that without a user namespace of its own nobody can give it."""
    if "user" not in bundle.host_namespaces:
        return ()
    held = caps.capget().permitted
    numbers = capabilities.NUMBERS
    return tuple(name for name in bundle.capabilities if not held >> numbers[name] & 1)


def _with_host(bundle: Bundle, lacking: tuple[str, ...]) -> Bundle:
    """Return what shares namespaces of the host as the host is now."""
    changes: dict[str, Any] = {}
    if "uts" in bundle.host_namespaces:
        changes["hostname"] = os.uname().nodename
    if "network" in bundle.host_namespaces and not bundle.resolver:
        changes["resolver"] = _resolver()
    if lacking:
        kept = (name for name in bundle.capabilities if name not in lacking)
        changes["capabilities"] = tuple(kept)
    if bundle.privileged:
        taken = {device.target for device in bundle.devices}
        changes["devices"] = (*bundle.devices, *_every_device(taken))
    return replace(bundle, **changes)


def _resolver() -> tuple[str, ...]:
    """Return the lines by which the host finds names, none where it has no file of them."""
    try:
        with open("/etc/resolv.conf", encoding="utf-8", errors="replace") as file:
            return tuple(file.read(_LARGEST_FILE).splitlines())
    except OSError:
        return ()


def _every_device(taken: set[str]) -> Iterator[DeviceWish]:
    """Yield the devices of the host, but those that every container has its own of."""
    usual = {"/dev/console", *(f"/dev/{name}" for name, _, _ in DEVICES), *taken}
    waiting = ["/dev"]
    while waiting:
        for path in sorted(entry.path for entry in os.scandir(waiting.pop())):
            if path in usual or path.split("/")[2] in TAKEN:
                continue
            try:
                about = os.lstat(path)
            except FileNotFoundError:  # it has just gone
                continue
            if stat.S_ISDIR(about.st_mode):
                waiting.append(path)
            elif stat.S_IFMT(about.st_mode) in _NODES:
                yield _described(DeviceWish(target=path), about)


def _found(wish: DeviceWish) -> DeviceWish:
    """Return a device by its kind and numbers, for it may have others after a reboot."""
    if wish.source is None:
        return wish
    about = _look_at(wish.source, "devices.source")
    if stat.S_IFMT(about.st_mode) not in _NODES:
        raise InvalidSpec("devices.source", f"{wish.source} is not a device")
    return _described(wish, about)


def _described(wish: DeviceWish, about: os.stat_result) -> DeviceWish:
    """Return a device as the node `about` it says; ids that no container has become root's."""
    mapped = (about.st_uid, about.st_gid)
    uid, gid = (own if own < ID_RANGE_SIZE else 0 for own in mapped)
    return replace(
        wish,
        source=None,
        kind=_NODES[stat.S_IFMT(about.st_mode)],
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
