"""The tree of a container of an OCI bundle, built below a clone of its root before the pivot.

Everything is done by descriptors that were resolved inside that root, whatever links it holds.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from dataclasses import replace

from runtime.abi import (
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MS_PRIVATE,
    MS_SHARED,
    MS_SLAVE,
    O_PATH,
)
from runtime.cgroups.cgroup import Cgroup
from runtime.errors import InvalidSpec, KernelRefused
from runtime.isolation.attach import Tree
from runtime.isolation.filesystems import make
from runtime.isolation.idmap import as_owner
from runtime.isolation.oci.namespaces import Spaces
from runtime.isolation.oci.plan import Blueprint, IdMaps
from runtime.isolation.plan import DEVICE_LINKS, HARMLESS, Filesystem
from runtime.kernel import mounts, paths
from runtime.oci.config_devices import Device
from runtime.oci.config_mounts import PROPAGATIONS, Attributes, Mount

_CGROUPS = ("cgroup", "cgroup2")
_SEALED = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC


def build(blueprint: Blueprint, spaces: Spaces, cgroup: Cgroup | None) -> int:
    """Build everything of the tree but its last propagation; return a descriptor of its root.

    The caller is host root in a mount namespace of its own, its working directory is the bundle.
    Raises InvalidSpec that names the field, KernelRefused.
    """
    root = _take_root(blueprint)
    config, maps = blueprint.config, spaces.maps
    owner = maps.uid(0, "linux.uidMappings") if maps.uids else 0
    tree = Tree(root, owner=owner)
    for place, mount in enumerate(config.mounts):
        field = f"mounts[{place}]"
        if mount.kind not in _CGROUPS:
            mapping = spaces.mapped.get(place)
            tree.attach(_translated(mount, field, maps), field, user_namespace=mapping)
        elif cgroup is not None:
            _attach_cgroups(tree, mount, field, cgroup)
    if blueprint.devices:
        _make_devices(tree, blueprint.devices, maps)
        _make_links(tree)
    for path in config.linux.readonly_paths:
        _make_read_only(root, path)
    _mask(root, config.linux.masked_paths)
    return root


def pivot(root: int, *, whole: bool = True) -> None:
    """Make the attached mount `root` the root of the namespace.

    Without `whole`, the old root is covered instead of being taken away, for a host whose root is
    the ramdisk that it booted from; see pivot_root(2).
    """
    os.fchdir(root)
    if whole:
        mounts.pivot_root(".", ".")
        mounts.detach(".")
        os.chdir("/")
        return
    top = os.open("/", O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    mounts.move_mount(root, top, path="/")
    os.close(top)
    os.chroot(".")


def seal(blueprint: Blueprint, root: int, owner: int) -> None:
    """Make the working directory, then give the root its propagation and make it read-only."""
    with as_owner(owner):
        os.close(paths.make_directories(root, blueprint.process.cwd))
    wanted = blueprint.config.linux.rootfs_propagation
    if wanted:
        flag, recursive = PROPAGATIONS[wanted]
        mounts.mount_setattr(root, propagation=flag, recursive=recursive and flag == MS_SHARED)
    if blueprint.config.read_only:
        mounts.mount_setattr(root, add=MOUNT_ATTR_RDONLY)


def _take_root(blueprint: Blueprint) -> int:
    """Attach a clone of the root on itself, and return it.

    What is mounted here must not reach the host; where the bundle asks for shared mounts, only the
    way that the root's own mounts would take is cut.
    """
    wanted = PROPAGATIONS.get(blueprint.config.linux.rootfs_propagation, (MS_SLAVE, True))[0]
    rootfs = os.path.realpath(blueprint.rootfs)
    if wanted == MS_SHARED:
        _make_private_above(rootfs)
    else:
        mounts.set_propagation("/", MS_PRIVATE if wanted == MS_PRIVATE else MS_SLAVE)
    try:
        target = os.open(rootfs, O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        reason = f"{rootfs}: {os.strerror(error.errno or 0).lower()}"
        raise InvalidSpec("root.path", reason) from None
    try:
        root = mounts.open_tree("", directory=target, recursive=True)
        if wanted in (MS_SHARED, MS_PRIVATE):
            mounts.mount_setattr(root, propagation=MS_PRIVATE, recursive=True)
        mounts.move_mount(root, target, path=rootfs)
    finally:
        os.close(target)
    return root


def _make_private_above(path: str) -> None:
    """Cut "/" and the mount that `path` lies on off from their peers, and nothing below them."""
    while not _make_private(path):
        path = posixpath.dirname(path)
    if path != "/":
        _make_private("/")


def _make_private(path: str) -> bool:
    """Do it where `path` is a mount point; else say so."""
    place = os.open(path, O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        mounts.mount_setattr(place, propagation=MS_PRIVATE)
    except KernelRefused as refused:
        if refused.errno != errno.EINVAL or path == "/":
            raise
        return False
    finally:
        os.close(place)
    return True


def _translated(mount: Mount, field: str, maps: IdMaps) -> Mount:
    """Turn ids in options into the host's: whoever mounts is in the host's user namespace."""
    if mount.bind or not maps.uids:
        return mount
    data = []
    for key, value in mount.data:
        if key in ("uid", "gid") and value.isdecimal():
            turn = maps.uid if key == "uid" else maps.gid
            data.append((key, str(turn(int(value), f"{field}.options"))))
        else:
            data.append((key, value))
    return replace(mount, data=tuple(data))


def _attach_cgroups(tree: Tree, mount: Mount, field: str, cgroup: Cgroup) -> None:
    """Show the container's own groups and none besides, in each hierarchy of v1, or that of v2."""
    view = {",".join(g.tree.controllers): g.directory for g in cgroup.groups if g.tree.version == 1}
    if not view:
        assert cgroup.unified is not None
        tree.attach(_bind(mount, cgroup.unified, mount.destination), field)
        return
    top = replace(
        mount,
        kind="tmpfs",
        source="tmpfs",
        data=(("mode", "755"),),
        own=Attributes(set=_SEALED),
    )
    tree.attach(top, field)
    for name, directory in view.items():
        tree.attach(_bind(mount, directory, f"{mount.destination}/{name}"), field)
    place = paths.open_in_root(tree.root, mount.destination)
    try:
        for name in view:
            for controller in name.split(",") if "," in name else ():
                os.symlink(name, controller, dir_fd=place)
        mounts.mount_setattr(place, add=mount.own.set, clear=mount.own.clear)
    finally:
        os.close(place)


def _bind(mount: Mount, source: str, destination: str) -> Mount:
    return replace(
        mount, bind=True, kind="", source=source, destination=destination, data=(), propagation=()
    )


def _make_devices(tree: Tree, devices: tuple[Device, ...], maps: IdMaps) -> None:
    mask = os.umask(0)
    try:
        for place, device in enumerate(devices):
            _make_device(tree, device, f"linux.devices[{place}]", maps)
    finally:
        os.umask(mask)


def _make_device(tree: Tree, device: Device, field: str, maps: IdMaps) -> None:
    """Make one node; one of that kind and number may be there already."""
    with as_owner(tree.owner):
        above = paths.make_directories(tree.root, posixpath.dirname(device.path))
    name = posixpath.basename(device.path)
    number = os.makedev(device.major, device.minor)
    try:
        os.mknod(name, device.mode, number, dir_fd=above)
        owner = (maps.uid(device.uid, f"{field}.uid"), maps.gid(device.gid, f"{field}.gid"))
        os.chown(name, *owner, dir_fd=above, follow_symlinks=False)
    except FileExistsError:
        about = os.stat(name, dir_fd=above, follow_symlinks=False)
        if (stat.S_IFMT(about.st_mode), about.st_rdev) != (stat.S_IFMT(device.mode), number):
            reason = f"{device.path}: something else is there"
            raise InvalidSpec(f"{field}.path", reason) from None
    except OSError as error:
        raise KernelRefused("mknod", error.errno or 0, device.path) from None
    finally:
        os.close(above)


def _make_links(tree: Tree) -> None:
    """Make /dev/fd and its like, where nothing is (config-linux.md#default-devices)."""
    with as_owner(tree.owner):
        dev = paths.make_directories(tree.root, "/dev")
    try:
        for name, target in DEVICE_LINKS:
            try:
                os.symlink(target, name, dir_fd=dev)
            except FileExistsError:
                continue
            os.chown(name, tree.owner, tree.owner, dir_fd=dev, follow_symlinks=False)
    finally:
        os.close(dev)


def _make_read_only(root: int, path: str) -> None:
    target = _open_if_there(root, path)
    if target is None:
        return
    try:
        clone = mounts.open_tree("", directory=target, recursive=True)
        try:
            mounts.mount_setattr(clone, add=MOUNT_ATTR_RDONLY, recursive=True)
            mounts.move_mount(clone, target, path=path)
        finally:
            os.close(clone)
    finally:
        os.close(target)


def _open_if_there(root: int, path: str) -> int | None:
    try:
        return paths.open_in_root(root, path)
    except KernelRefused as refused:
        if refused.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise


def _mask(root: int, masked: tuple[str, ...]) -> None:
    """Cover files by the host's null device, directories by an empty filesystem."""
    for path in masked:
        target = _open_if_there(root, path)
        if target is None:
            continue
        try:
            cover = _cover_of(stat.S_ISDIR(os.fstat(target).st_mode))
            try:
                mounts.move_mount(cover, target, path=path)
            finally:
                os.close(cover)
        finally:
            os.close(target)


def _cover_of(directory: bool) -> int:
    if directory:
        options = (("size", "4096"), ("nr_inodes", "1"), ("mode", "555"))
        return make(
            Filesystem(
                fstype="tmpfs",
                target="",
                options=options,
                attributes=HARMLESS | MOUNT_ATTR_RDONLY,
            ),
            0,
        )
    clone = mounts.open_tree("/dev/null", follow=False)
    if os.fstat(clone).st_rdev != os.makedev(1, 3):
        os.close(clone)
        raise KernelRefused("open_tree", errno.ENODEV, "/dev/null of the host is no null device")
    return clone
