"""What is mounted into a container, besides its own root."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

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
    one,
    one_of,
    several,
    text,
    topic_fields,
    whole,
)

DEFAULT_SHM_BYTES = 64 * 1024 * 1024
PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable")
PRIVATE_PROPAGATIONS = ("private", "rprivate")
_ID = 0xFFFF_FFFF
_ONLY = {
    "bind": ("propagation", "non_recursive", "create_source", "read_only_recursion"),
    "volume": ("no_copy", "labels", "driver", "driver_options"),
    "tmpfs": ("size_bytes", "mode"),
}
"""Fields that mean something for one type only."""
_TMPFS_FLAGS = frozenset(
    (
        *("ro", "rw", "exec", "noexec", "nosuid", "nodev", "atime", "noatime", "relatime"),
        *("norelatime", "strictatime", "nostrictatime", "diratime", "nodiratime", "nosymfollow"),
        *("symfollow", "defaults"),
    )
)
_INSIDE = r"[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
"""An id of a container: 0 to 65,535."""
_TMPFS_SETTINGS = {
    "size": r"[0-9]{1,18}([kKmMgG]|%)?",
    "nr_blocks": r"[0-9]{1,18}[kKmMgG]?",
    "nr_inodes": r"[0-9]{1,18}[kKmMgG]?",
    "mode": r"[0-7]{1,4}",
    "uid": _INSIDE,
    "gid": _INSIDE,
}
"""Options of tmpfs(5) and what they may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdMapping(Topic):
    """`size` ids from `container_id` on are `host_id` and up outside: OCI mounts.uidMappings."""

    PATH: ClassVar[str] = "mounts.uid_mappings"
    container_id: int = field(metadata=by(whole(0, _ID)))
    host_id: int = field(metadata=by(whole(0, _ID)))
    size: int = field(metadata=by(whole(1, _ID)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount(Topic):
    """One thing mounted: Docker Mounts, Binds, Tmpfs and Config.Volumes, OCI mounts.

    `type` is bind (a host path), volume (`source` is its name, None is a fresh one), tmpfs, image
    (`source` is a reference) or another filesystem of the kernel. It appears at `target`, an
    absolute path inside; `read_only` without writing. `options` are further ones of mount(8).
    Bind: `propagation` of mounts, one of PROPAGATIONS (mount_namespaces(7)); `non_recursive` leaves
    out what is mounted below; `create_source` makes a missing host directory (CreateMountpoint);
    `read_only_recursion` is default, disabled or forced (ReadOnlyNonRecursive,
    ReadOnlyForceRecursive). Volume: `no_copy` of the image's files, `labels`, `driver` and
    `driver_options` of a new one; `subpath` of a volume or image. Tmpfs: `size_bytes`, None is half
    of the memory, and `mode` such as 0o1777 (tmpfs(5)). `uid_mappings` and `gid_mappings` map its
    ids (OCI). `consistency` is of other systems, and told back.
    """

    PATH: ClassVar[str] = "mounts"
    target: str = field(metadata=by(absolute))
    type: str = asked(matching(r"[a-z0-9_.]{1,32}", "a type such as bind, volume or tmpfs"), "bind")
    source: str | None = asked(text)
    read_only: bool = asked(flag, default=False)
    options: tuple[str, ...] = asked(TEXTS, ())
    propagation: str = asked(one_of(*PROPAGATIONS), "rprivate")
    non_recursive: bool = asked(flag, default=False)
    create_source: bool = asked(flag, default=False)
    read_only_recursion: str = asked(one_of("default", "disabled", "forced"), "default")
    no_copy: bool = asked(flag, default=False)
    labels: Mapping[str, str] = asked(TEXT_MAP, {})
    driver: str | None = asked(text)
    driver_options: Mapping[str, str] = asked(TEXT_MAP, {})
    subpath: str | None = asked(text)
    size_bytes: int | None = asked(whole(1, 1 << 50))
    mode: int | None = asked(whole(0, 0o7777))
    uid_mappings: tuple[IdMapping, ...] = asked(several(one(IdMapping)), ())
    gid_mappings: tuple[IdMapping, ...] = asked(several(one(IdMapping)), ())
    consistency: str | None = asked(one_of("default", "consistent", "cached", "delegated"))

    def validate(self) -> None:
        """Refuse a bind without an absolute source, and what another type's fields say."""
        if self.target.rstrip("/") == "":
            raise InvalidSpec("mounts.target", "is the container's root itself")
        if self.type == "bind":
            absolute("mounts.source", "" if self.source is None else self.source)
        if self.type == "tmpfs" and self.source not in (None, "tmpfs"):
            raise InvalidSpec("mounts.source", "a tmpfs has none: leave it out")
        for kind, names in _ONLY.items():
            for name in names:
                default = topic_fields(Mount)[name].default
                value = getattr(self, name)
                if kind != self.type and value and value != default:
                    raise InvalidSpec(f"mounts.{name}", f"is for a {kind}, not for a {self.type}")
        if self.subpath is not None and ".." in self.subpath.split("/"):
            raise InvalidSpec("mounts.subpath", f"{self.subpath!r} goes up by '..'")


def is_for_tmpfs(option: str) -> bool:
    """Say whether an option of mount(8) is one of a tmpfs (tmpfs(5))."""
    return stays_inside(option) or option in ("dev", "suid")


def stays_inside(option: str) -> bool:
    """Say whether an option of a tmpfs can concern nobody but the container."""
    name, equals, value = option.partition("=")
    if not equals:
        return name in _TMPFS_FLAGS
    pattern = _TMPFS_SETTINGS.get(name)
    return pattern is not None and re.fullmatch(pattern, value, re.ASCII) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage(Topic):
    """How the container's own files are kept.

    `shm_bytes` is the size of /dev/shm (ShmSize). `options` are of the storage driver, such as size
    (StorageOpt). `volumes_from` are containers whose mounts are shared, ID[:ro] (VolumesFrom);
    `volume_driver` makes volumes that name no driver (VolumeDriver). `rootfs_propagation` is of the
    root mount (OCI rootfsPropagation).
    """

    PATH: ClassVar[str] = "storage"
    shm_bytes: int = asked(whole(4096, 1 << 50), DEFAULT_SHM_BYTES)
    options: Mapping[str, str] = asked(TEXT_MAP, {})
    volumes_from: tuple[str, ...] = asked(TEXTS, ())
    volume_driver: str | None = asked(text)
    rootfs_propagation: str = asked(one_of(*PROPAGATIONS), "rprivate")
