"""The mounts of an OCI bundle, attached below its root by descriptors only.

Sources are the host's, so this comes before the pivot, in a mount namespace of its own. Targets are
resolved inside the root, whatever links its tree holds, and are never inside of procfs: what is
mounted there could catch what the runtime or the kernel's guards read.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from typing import TYPE_CHECKING

from runtime.abi import MOUNT_ATTR_IDMAP, O_PATH
from runtime.errors import InvalidSpec, KernelRefused
from runtime.isolation.copyup import copy_up
from runtime.isolation.idmap import as_owner
from runtime.kernel import fsopen, mounts, paths

if TYPE_CHECKING:  # a zygote stays small
    from runtime.oci.config_mounts import Mount

COVERABLE = frozenset(
    f"/proc/{name}"
    for name in (
        *("cpuinfo", "diskstats", "loadavg", "meminfo", "slabinfo", "stat", "swaps", "uptime"),
        *("sys/kernel/ns_last_pid", "sys/crypto/fips_enabled"),
    )
)
"""Files of procfs that lxcfs and its like put others over: they only tell of the machine."""

_OWNED = ("tmpfs", "devpts", "mqueue")
"""Filesystems whose top directory belongs to whoever made them."""
_OWNERSHIP = frozenset(("mode", "uid", "gid"))
"""Options that say what the top directory is, which else is as the one that is covered."""
_NO_TARGET = (errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EEXIST)
"""Something else is there; EEXIST is a link that leads to nothing inside the root."""


class Tree:
    """The root that mounts are attached below, by its descriptor; `owner` is host user of root."""

    def __init__(self, root: int, *, owner: int = 0) -> None:
        self.root = root
        self.owner = owner
        self._procfs = {os.stat("/proc").st_dev}

    def attach(self, mount: Mount, field: str, *, user_namespace: int | None = None) -> None:
        """Make and attach one mount; `field` is where it stands, `mounts[3]`.

        A relative source is taken from the working directory: the bundle's. A missing mount point
        is made, as the owner. The ids of a mount with `ids` are mapped by `user_namespace`. Raises
        InvalidSpec(`field`.destination) for a target that cannot be, KernelRefused; what was
        attached till then stays in the namespace.
        """
        made = _make(mount, self.owner, user_namespace)
        try:
            target = _open_target(mount, field, self.root, made, self.owner)
            try:
                _refuse_in_procfs(mount, field, target, self._procfs)
                if mount.copy_up:
                    copy_up(target, made, top=not {key for key, _ in mount.data} & _OWNERSHIP)
                _set_attributes(mount, made)
                mounts.move_mount(made, target, path=mount.destination)
            finally:
                os.close(target)
            for propagation, recursive in mount.propagation:
                mounts.mount_setattr(made, propagation=propagation, recursive=recursive)
            if mount.kind == "proc":
                self._procfs.add(os.fstat(made).st_dev)
        finally:
            os.close(made)


def attach_all(wanted: tuple[Mount, ...], root: int, *, owner: int = 0) -> None:
    """Attach `wanted` in order below the descriptor `root`; see `Tree.attach`."""
    tree = Tree(root, owner=owner)
    for place, mount in enumerate(wanted):
        tree.attach(mount, f"mounts[{place}]")


def _make(mount: Mount, owner: int, user_namespace: int | None) -> int:
    """Return the mount, attached nowhere yet, without its attributes: it may be filled still."""
    made = _clone(mount) if mount.bind else _new(mount)
    try:
        if owner and mount.kind in _OWNED:
            _give(made, mount, owner)
        if mount.ids is not None:
            assert user_namespace is not None
            _map_ids(made, mount, mount.ids.recursive, user_namespace)
    except BaseException:
        os.close(made)
        raise
    return made


def _map_ids(made: int, mount: Mount, recursive: bool, user_namespace: int) -> None:
    try:
        mounts.mount_setattr(
            made, add=MOUNT_ATTR_IDMAP, user_namespace=user_namespace, recursive=recursive
        )
    except KernelRefused as refused:
        where = f"{mount.source} (id-mapped)"
        raise KernelRefused(refused.call, refused.errno, where) from None


def _set_attributes(mount: Mount, made: int) -> None:
    for attributes, recursive in ((mount.below, True), (mount.own, False)):
        if attributes.set or attributes.clear:
            mounts.mount_setattr(
                made, add=attributes.set, clear=attributes.clear, recursive=recursive
            )


def _give(made: int, mount: Mount, owner: int) -> None:
    """Let root inside own a new filesystem, whose options did not say who does."""
    if not {key for key, _ in mount.data} & {"uid", "gid"} or mount.kind == "devpts":
        os.chown(".", owner, owner, dir_fd=made)
    if mount.kind == "devpts":
        os.chown("ptmx", owner, owner, dir_fd=made)


def _clone(mount: Mount) -> int:
    return mounts.open_tree(mount.source, recursive=mount.recursive)


def _new(mount: Mount) -> int:
    context = fsopen.fsopen(mount.kind)
    try:
        fsopen.set_string(context, "source", mount.source)
        for key, value in mount.data:
            if value:
                fsopen.set_string(context, key, value)
            else:
                fsopen.set_flag(context, key)
        fsopen.create(context, name=mount.kind)
        return fsopen.fsmount(context, 0)
    finally:
        os.close(context)


def _open_target(mount: Mount, field: str, root: int, made: int, owner: int) -> int:
    """Open the mount point, or make what the mount is: a directory, or else an empty file."""
    directory = stat.S_ISDIR(os.fstat(made).st_mode)
    try:
        with as_owner(owner):
            if directory:
                return paths.make_directories(root, mount.destination)
            return _open_file(root, mount.destination)
    except KernelRefused as refused:
        if refused.errno in _NO_TARGET:
            reason = f"{mount.destination}: {os.strerror(refused.errno).lower()}"
            raise InvalidSpec(f"{field}.destination", reason) from None
        raise


def _open_file(root: int, destination: str) -> int:
    try:
        found = paths.open_in_root(root, destination)
    except KernelRefused as refused:
        if refused.errno != errno.ENOENT:
            raise
        return _make_file(root, posixpath.normpath(destination))
    if stat.S_ISDIR(os.fstat(found).st_mode):
        os.close(found)
        raise KernelRefused("openat2", errno.EISDIR, destination)
    return found


def _make_file(root: int, destination: str) -> int:
    above = paths.make_directories(root, posixpath.dirname(destination))
    name = posixpath.basename(destination)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(name, flags, 0o644, dir_fd=above))
        return paths.open_plain(above, name, O_PATH)
    except OSError as error:
        raise KernelRefused("openat", error.errno or 0, destination) from None
    finally:
        os.close(above)


def _refuse_in_procfs(mount: Mount, field: str, target: int, procfs: set[int]) -> None:
    """Compare file systems, not names: a link of the tree may lead there under any name."""
    inside = os.fstat(target).st_dev in procfs
    if inside and posixpath.normpath(mount.destination) not in COVERABLE:
        reason = f"{mount.destination} lies inside of procfs, where nothing may be mounted"
        raise InvalidSpec(f"{field}.destination", reason)
