"""Everything attached below the root, by descriptors only, after the pivot."""

from __future__ import annotations

import errno
import os
import stat

from runtime.abi import MOUNT_ATTR_RDONLY, O_PATH
from runtime.errors import InvalidSpec, KernelRefused
from runtime.isolation import devices, name_files
from runtime.isolation.attach import Tree
from runtime.isolation.filesystems import make
from runtime.isolation.idmap import as_owner
from runtime.isolation.plan import HARMLESS, Filesystem, LaunchPlan
from runtime.kernel import mounts, paths

SHARED_MEMORY = "/dev/shm"  # noqa: S108  # see shm_overview(7)
_CPUS = "devices/system/cpu"


def build(plan: LaunchPlan, root: int) -> None:
    """Attach the plan's filesystems, cover what must not be written or seen, attach its mounts.

    `root` is a descriptor of the container's root. Raises InvalidSpec("image", ...) where the
    image has something else than a directory at /proc, /sys or /dev, and KernelRefused.
    """
    attached: dict[str, int] = {}
    try:
        for filesystem in plan.filesystems:
            attached[filesystem.target] = _attach(filesystem, root, attached, plan.process.id_base)
            if filesystem.target == "dev":
                if plan.nodes:
                    devices.add(attached["dev"], plan.nodes, plan.process.id_base)
                name_files.attach(plan, root, attached["dev"])
        if not plan.writable_views:
            mounts.mount_setattr(attached["sys/fs/cgroup"], add=MOUNT_ATTR_RDONLY)
        for path in plan.readonly_paths:
            _make_read_only(*_split(attached, path))
        _mask(plan, attached)
    finally:
        for descriptor in attached.values():
            os.close(descriptor)
    if plan.mounts:
        _attach_mounts(plan, root)


def share_memory(root: int, shared: int) -> None:
    """Attach `shared`, the host's /dev/shm, in place of one of the container's own."""
    target = paths.open_plain(root, "dev/shm", O_PATH | os.O_DIRECTORY)
    try:
        mounts.mount_setattr(shared, add=HARMLESS)
        mounts.move_mount(shared, target, path=SHARED_MEMORY)
    finally:
        os.close(target)


def _attach_mounts(plan: LaunchPlan, root: int) -> None:
    tree = Tree(root, owner=plan.process.id_base)
    for mount in plan.mounts:
        try:
            tree.attach(mount, "mounts")
        except InvalidSpec as refused:
            raise InvalidSpec("mounts.target", refused.reason) from None


def _attach(filesystem: Filesystem, root: int, attached: dict[str, int], id_base: int) -> int:
    above = _nearest(attached, filesystem.target)
    if above is None:
        target = _image_directory(root, filesystem.target, id_base)
    else:
        relative = filesystem.target[len(above) + 1 :]
        if filesystem.fstype == "cgroup":
            _make_place_in_view(attached[above], relative)
        target = paths.open_plain(attached[above], relative, O_PATH | os.O_DIRECTORY)
    try:
        mount = make(filesystem, id_base)
        if filesystem.target == "dev":
            devices.fill(mount, id_base)
        mounts.move_mount(mount, target, path=f"/{filesystem.target}")
        return mount
    finally:
        os.close(target)


def _nearest(attached: dict[str, int], target: str) -> str | None:
    """Return the filesystem made earlier that `target` lies in."""
    above = [place for place in attached if target.startswith(f"{place}/")]
    return max(above, key=len, default=None)


def _image_directory(root: int, name: str, id_base: int) -> int:
    """Open a mount point that the image has, or ought to have; links are refused, not followed."""
    flags = O_PATH | os.O_DIRECTORY
    try:
        return paths.open_plain(root, name, flags)
    except KernelRefused as refused:
        if refused.errno in (errno.ELOOP, errno.ENOTDIR):
            raise InvalidSpec("image", f"/{name} is not a directory") from None
        if refused.errno != errno.ENOENT:
            raise
    with as_owner(id_base):
        os.mkdir(name, 0o755, dir_fd=root)
    return paths.open_plain(root, name, flags)


def _make_place_in_view(view: int, name: str) -> None:
    """Make the mount point of a v1 hierarchy, and a link for each controller that shares it."""
    os.mkdir(name, 0o755, dir_fd=view)
    for controller in name.split(",") if "," in name else ():
        os.symlink(name, controller, dir_fd=view)


def _split(attached: dict[str, int], path: str) -> tuple[int, str]:
    top, _, rest = path.lstrip("/").partition("/")
    return attached[top], rest


def _make_read_only(filesystem: int, path: str) -> None:
    target = _open_if_there(filesystem, path)
    if target is None:
        return
    try:
        clone = mounts.open_tree("", directory=target, recursive=True)
        try:
            mounts.mount_setattr(clone, add=HARMLESS | MOUNT_ATTR_RDONLY, recursive=True)
            mounts.move_mount(clone, target, path=path)
        finally:
            os.close(clone)
    finally:
        os.close(target)


def _open_if_there(filesystem: int, path: str) -> int | None:
    try:
        return paths.open_plain(filesystem, path)
    except KernelRefused as refused:
        if refused.errno == errno.ENOENT:
            return None
        if refused.errno == errno.ELOOP:
            raise InvalidSpec("security", f"{refused.path} is a link: say where it leads") from None
        raise


def _mask(plan: LaunchPlan, attached: dict[str, int]) -> None:
    """Cover files by the container's own null device, directories by an empty filesystem."""
    throttles = _cpus_with_throttle(attached["sys"]) if plan.masks_throttles else []
    empty: list[int] = []
    try:
        for path in (*plan.masked_paths, *throttles):
            filesystem, inside = _split(attached, path)
            target = _open_if_there(filesystem, inside)
            if target is None:
                continue
            try:
                _cover(target, path, attached["dev"], empty)
            finally:
                os.close(target)
    finally:
        for descriptor in empty:
            os.close(descriptor)


def _cover(target: int, path: str, dev: int, empty: list[int]) -> None:
    if not stat.S_ISDIR(os.fstat(target).st_mode):
        clone = mounts.open_tree("null", directory=dev)
    elif empty:
        # The first one is attached by now: before Linux 6.15 a detached mount cannot be cloned.
        clone = mounts.open_tree("", directory=empty[0])
    else:
        options = (("size", "4096"), ("nr_inodes", "1"), ("mode", "555"))
        clone = make(
            Filesystem(
                fstype="tmpfs",
                target="",
                options=options,
                attributes=HARMLESS | MOUNT_ATTR_RDONLY,
            ),
            0,
        )
        empty.append(clone)
    try:
        mounts.move_mount(clone, target, path=path)
    finally:
        if clone not in empty:
            os.close(clone)


def _cpus_with_throttle(sysfs: int) -> list[str]:
    """Return what tells of heat and load elsewhere on the host, a directory for each cpu."""
    probe = _open_if_there(sysfs, f"{_CPUS}/cpu0/thermal_throttle")
    if probe is None:
        return []
    os.close(probe)
    listing = paths.open_plain(sysfs, _CPUS, os.O_RDONLY | os.O_DIRECTORY)
    try:
        names = os.listdir(listing)
    finally:
        os.close(listing)
    cpus = sorted(name for name in names if name.startswith("cpu") and name[3:].isdigit())
    return [f"/sys/{_CPUS}/{name}/thermal_throttle" for name in cpus]
