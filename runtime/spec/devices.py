"""Which devices a container gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from runtime.errors import InvalidSpec
from runtime.spec.topic import (
    TEXT_MAP,
    TEXTS,
    Topic,
    absolute,
    asked,
    by,
    flag,
    matching,
    one_of,
    several,
    whole,
)

ACCESS = matching(r"(?!.*(.).*\1)[rwm]{1,3}", "of the letters r, w and m")
_NUMBER = whole(0, 0xFFFF_FFFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device(Topic):
    """A device node: Docker Devices (PathOnHost…), OCI linux.devices.

    `source` is a path on the host, or None where `kind` (c, b, u or p), `major` and `minor` make
    the node (mknod(2)). It appears at `target`, by default the source; `permissions` of read, write
    and mknod, as letters (CgroupPermissions). `mode`, `uid` and `gid` are of the node, inside.
    """

    PATH: ClassVar[str] = "devices"
    source: str | None = asked(absolute)
    target: str | None = asked(absolute)
    permissions: str = asked(ACCESS, "rwm")
    kind: str | None = asked(one_of("c", "b", "u", "p"))
    major: int | None = asked(_NUMBER)
    minor: int | None = asked(_NUMBER)
    mode: int | None = asked(whole(0, 0o7777))
    uid: int | None = asked(_NUMBER)
    gid: int | None = asked(_NUMBER)

    def validate(self) -> None:
        """Refuse a device that neither a path nor numbers tell."""
        if self.source is None and (self.kind is None or self.target is None):
            raise InvalidSpec("devices.source", "give a host path, or kind, numbers and target")
        if self.kind in ("c", "b", "u") and (self.major is None or self.minor is None):
            raise InvalidSpec("devices.major", f"a node of kind {self.kind} needs major and minor")

    @property
    def name(self) -> str:
        """Return what policy knows it by: the host path, or kind and numbers."""
        return self.source or f"{self.kind} {self.major}:{self.minor}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRule(Topic):
    """What may be opened or made: Docker DeviceCgroupRules, OCI resources.devices.

    `kind` is a (both), b or c; None for `major` or `minor` is every number; `access` letters of
    read, write, mknod; `allow` false takes it away.
    """

    PATH: ClassVar[str] = "device_rules"
    allow: bool = asked(flag, default=True)
    kind: str = asked(one_of("a", "b", "c"), "a")
    major: int | None = asked(_NUMBER)
    minor: int | None = asked(_NUMBER)
    access: str = asked(ACCESS, "rwm")

    @property
    def name(self) -> str:
        """Return what policy knows it by: kind and numbers as in the devices cgroup of v1."""
        major, minor = ("*" if n is None else str(n) for n in (self.major, self.minor))
        return f"{self.kind} {major}:{minor}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRequest(Topic):
    """Devices that `driver` chooses, such as GPUs: Docker DeviceRequests.

    `count` of them, -1 is all, or those of `device_ids`, with `capabilities` in alternatives of
    lists; `options` are the driver's.
    """

    PATH: ClassVar[str] = "device_requests"
    driver: str = field(metadata=by(matching(r"[A-Za-z0-9_.-]{0,128}", "a driver")))
    count: int = asked(whole(-1, 1_000_000), 0)
    device_ids: tuple[str, ...] = asked(TEXTS, ())
    capabilities: tuple[tuple[str, ...], ...] = asked(several(TEXTS), ())
    options: Mapping[str, str] = asked(TEXT_MAP, {})


def device(path: str, value: Any) -> Device:
    """Check for a device; a text is its path on the host."""
    if isinstance(value, str):
        return Device(source=value)
    if isinstance(value, Device):
        return value
    if not isinstance(value, Mapping):
        raise InvalidSpec(path, f"{value!r} is neither a path nor an object")
    return Device.from_json(value)
