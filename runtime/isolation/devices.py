"""The container's /dev, filled while it is attached nowhere, so no path of the image is in play."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from runtime.errors import InvalidSpec
from runtime.isolation.plan import DEVICE_LINKS, DEVICES

if TYPE_CHECKING:  # a zygote stays small
    from runtime.oci.config_devices import Device

_DIRECTORIES = ("pts", "shm", "mqueue")


def fill(tree: int, id_base: int) -> None:
    """Make nodes, links and mount points in the detached tmpfs `tree`, owned by root inside.

    The nodes work because the tmpfs was made in the initial user namespace. See mknod(2).
    """
    mask = os.umask(0)
    try:
        for name, major, minor in DEVICES:
            os.mknod(name, stat.S_IFCHR | 0o666, os.makedev(major, minor), dir_fd=tree)
            os.chown(name, id_base, id_base, dir_fd=tree, follow_symlinks=False)
        for name in _DIRECTORIES:
            os.mkdir(name, 0o755, dir_fd=tree)
            os.chown(name, id_base, id_base, dir_fd=tree, follow_symlinks=False)
        for name, target in DEVICE_LINKS:
            os.symlink(target, name, dir_fd=tree)
            os.chown(name, id_base, id_base, dir_fd=tree, follow_symlinks=False)
    finally:
        os.umask(mask)


def add(tree: int, nodes: tuple[Device, ...], id_base: int) -> None:
    """Make further `nodes` in the container's own /dev, by their paths in it.

    Nothing of the container or its image has been there yet. Raises InvalidSpec(devices.target).
    """
    mask = os.umask(0)
    try:
        for node in nodes:
            _make_above(tree, node.path, id_base)
            try:
                os.mknod(node.path, node.mode, os.makedev(node.major, node.minor), dir_fd=tree)
            except FileExistsError:
                reason = f"/dev/{node.path} is there already"
                raise InvalidSpec("devices.target", reason) from None
            os.chown(node.path, node.uid, node.gid, dir_fd=tree, follow_symlinks=False)
    finally:
        os.umask(mask)


def _make_above(tree: int, path: str, id_base: int) -> None:
    above = ""
    for name in path.split("/")[:-1]:
        above = f"{above}/{name}" if above else name
        try:
            os.mkdir(above, 0o755, dir_fd=tree)
        except FileExistsError:
            continue
        os.chown(above, id_base, id_base, dir_fd=tree, follow_symlinks=False)
