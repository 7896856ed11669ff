"""Mounts as descriptors: open_tree(2), move_mount(2), mount_setattr(2), pivot_root(2)."""

from __future__ import annotations

import os
import struct

from runtime.abi import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    AT_RECURSIVE,
    AT_SYMLINK_NOFOLLOW,
    MNT_DETACH,
    MOVE_MOUNT_F_EMPTY_PATH,
    MOVE_MOUNT_T_EMPTY_PATH,
    OPEN_TREE_CLONE,
)
from runtime.kernel.libc import call


def open_tree(
    path: str, *, directory: int = AT_FDCWD, recursive: bool = False, follow: bool = True
) -> int:
    """Return a detached, close-on-exec clone of the mount at `path` ("" is `directory` itself).

    See open_tree(2).
    """
    flags = OPEN_TREE_CLONE | os.O_CLOEXEC
    flags |= AT_RECURSIVE if recursive else 0
    flags |= 0 if path else AT_EMPTY_PATH
    flags |= 0 if follow else AT_SYMLINK_NOFOLLOW
    return call("open_tree", directory, os.fsencode(path), flags, path=path)


def move_mount(mount: int, target: int, *, path: str = "") -> None:
    """Attach a detached mount onto the object that `target` holds open. See move_mount(2)."""
    flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
    call("move_mount", mount, b"", target, b"", flags, path=path)


def mount_setattr(
    mount: int,
    *,
    add: int = 0,
    clear: int = 0,
    propagation: int = 0,
    user_namespace: int = 0,
    recursive: bool = False,
) -> None:
    """Set and clear attributes of a mount, and how its mount events travel (`MS_SHARED`...).

    With MOUNT_ATTR_IDMAP, ids are mapped by `user_namespace`. See mount_setattr(2).
    """
    attributes = struct.pack("<4Q", add, clear, propagation, user_namespace)
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    call("mount_setattr", mount, b"", flags, attributes, len(attributes))


def set_propagation(path: str, propagation: int) -> None:
    """Change how mount events travel, for `path` and all below it. See mount_namespaces(7)."""
    attributes = struct.pack("<4Q", 0, 0, propagation, 0)
    where = os.fsencode(path)
    call("mount_setattr", AT_FDCWD, where, AT_RECURSIVE, attributes, len(attributes), path=path)


def pivot_root(new_root: str, put_old: str) -> None:
    """Exchange the root mount of the namespace. See pivot_root(2)."""
    call("pivot_root", os.fsencode(new_root), os.fsencode(put_old))


def detach(path: str) -> None:
    """Take a mount out of the tree now, and free it when it is no longer used. See umount2(2)."""
    call("umount2", os.fsencode(path), MNT_DETACH, path=path)
