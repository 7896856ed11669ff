"""`linux` of config.json, limits and seccomp apart (runtime-spec, config-linux.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtime.errors import InvalidSpec
from runtime.oci.config_devices import Device, parse_device
from runtime.oci.config_ids import IdMapping, parse_mappings
from runtime.oci.config_mounts import PROPAGATIONS
from runtime.oci.config_resources import UNLIMITED, LinuxResources, parse_resources
from runtime.oci.reading import Fields

if TYPE_CHECKING:
    from runtime.oci.config_seccomp import Seccomp

NAMESPACES = ("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time")
_UINT32 = 2**32 - 1
PERSONALITIES = {"LINUX": 0, "LINUX32": 8}
"""Domain -> what personality(2) takes."""


@dataclass(frozen=True, slots=True)
class TimeOffset:
    """How far a clock is ahead inside (time_namespaces(7))."""

    clock: str
    seconds: int
    nanoseconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Linux:
    """What is special to Linux. `namespaces` maps a kind to the path to join, "" makes a new one.

    A kind that is not among them is the caller's own. `cgroups_path` is as given.
    """

    namespaces: dict[str, str]
    uid_mappings: tuple[IdMapping, ...] = ()
    gid_mappings: tuple[IdMapping, ...] = ()
    time_offsets: tuple[TimeOffset, ...] = ()
    devices: tuple[Device, ...] = ()
    cgroups_path: str = ""
    resources: LinuxResources = UNLIMITED
    sysctl: tuple[tuple[str, str], ...] = ()
    seccomp: Seccomp | None = None
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()
    rootfs_propagation: str = ""
    personality: int | None = None


def parse_linux(fields: Fields) -> Linux:
    """Return `linux`. Raises InvalidSpec that names the field."""
    namespaces = _parse_namespaces(fields)
    resources = fields.inner("resources")
    linux = Linux(
        namespaces=namespaces,
        uid_mappings=parse_mappings(fields, "uidMappings"),
        gid_mappings=parse_mappings(fields, "gidMappings"),
        time_offsets=_parse_offsets(fields),
        devices=tuple(parse_device(device) for device in fields.items("devices")),
        cgroups_path=fields.text("cgroupsPath"),
        resources=UNLIMITED if resources is None else parse_resources(resources),
        sysctl=fields.table("sysctl"),
        seccomp=_parse_filter(fields),
        masked_paths=_absolute(fields, "maskedPaths"),
        readonly_paths=_absolute(fields, "readonlyPaths"),
        rootfs_propagation=fields.choice(
            "rootfsPropagation",
            tuple(PROPAGATIONS),
        ),
        personality=_parse_personality(fields),
    )
    _check(linux, fields)
    return linux


def _parse_filter(fields: Fields) -> Seccomp | None:
    seccomp = fields.inner("seccomp")
    if seccomp is None:
        return None
    from runtime.oci.config_seccomp import parse_seccomp

    return parse_seccomp(seccomp)


def _parse_namespaces(fields: Fields) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in fields.items("namespaces"):
        kind = item.choice("type", NAMESPACES)
        if not kind:
            raise InvalidSpec(item.at("type"), "is required")
        if kind in found:
            raise InvalidSpec(item.at("type"), f"{kind} is given twice")
        path = item.text("path")
        if path and not path.startswith("/"):
            raise InvalidSpec(item.at("path"), f"{path!r} is not an absolute path")
        found[kind] = path
    return found


def _parse_offsets(fields: Fields) -> tuple[TimeOffset, ...]:
    offsets = fields.inner("timeOffsets")
    if offsets is None:
        return ()
    found = []
    for clock in ("monotonic", "boottime"):
        item = offsets.inner(clock)
        if item is not None:
            seconds = item.integer("secs", least=-(2**62), most=2**62) or 0
            nanoseconds = item.integer("nanosecs", least=0, most=999_999_999) or 0
            found.append(TimeOffset(clock, seconds, nanoseconds))
    return tuple(found)


def _absolute(fields: Fields, name: str) -> tuple[str, ...]:
    paths = fields.texts(name)
    for place, path in enumerate(paths):
        if not path.startswith("/"):
            raise InvalidSpec(f"{fields.at(name)}[{place}]", f"{path!r} is not an absolute path")
    return paths


def _parse_personality(fields: Fields) -> int | None:
    personality = fields.inner("personality")
    if personality is None:
        return None
    domain = personality.choice("domain", tuple(PERSONALITIES))
    if not domain:
        raise InvalidSpec(personality.at("domain"), "is required")
    return PERSONALITIES[domain]


def _check(linux: Linux, fields: Fields) -> None:
    """Refuse what cannot go together."""
    kinds = linux.namespaces
    mapped = bool(linux.uid_mappings or linux.gid_mappings)
    if "mount" not in kinds:
        raise InvalidSpec(fields.at("namespaces"), "must have mount, and a new one")
    if kinds["mount"]:
        raise InvalidSpec(fields.at("namespaces"), "cannot join a mount namespace by its path")
    if mapped and kinds.get("user", "-") != "":
        raise InvalidSpec(fields.at("uidMappings"), "needs a new user namespace")
    if kinds.get("user") == "" and not (linux.uid_mappings and linux.gid_mappings):
        raise InvalidSpec(fields.at("uidMappings"), "and gidMappings are needed")
    if linux.time_offsets and kinds.get("time", "-") != "":
        raise InvalidSpec(fields.at("timeOffsets"), "needs a new time namespace")
    _check_sysctl(linux, fields)


def _check_sysctl(linux: Linux, fields: Fields) -> None:
    for name, _value in linux.sysctl:
        plain = name.replace("/", ".")
        owner = _namespace_of(plain)
        where = f"{fields.at('sysctl')}.{name}"
        if not owner or ".." in plain or not plain.strip("."):
            raise InvalidSpec(where, "is not of a namespace: it would change the whole host")
        if owner not in linux.namespaces:
            raise InvalidSpec(where, f"needs a {owner} namespace that is not the host's")


def _namespace_of(name: str) -> str:
    """Return the kind of namespace that a sysctl belongs to, "" for one of the host."""
    if name.startswith("net."):
        return "network"
    if name.startswith(("kernel.msg", "kernel.shm", "fs.mqueue.")) or name == "kernel.sem":
        return "ipc"
    return "uts" if name == "kernel.domainname" else ""
