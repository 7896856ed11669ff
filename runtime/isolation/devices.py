"""The container's /dev, filled while it is attached nowhere, so no path of the image is in play."""

from __future__ import annotations

import os
import stat

from runtime.isolation.plan import DEVICE_LINKS, DEVICES

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
