"""Resolving paths in trees that an image or a container may write: openat2(2), and only that.

A handle (an O_PATH descriptor of a directory) is the root that no lookup leaves, whatever links
the tree holds; magic links of procfs are never followed.
"""

from __future__ import annotations

import errno
import os
import posixpath
import struct

from runtime.abi import (
    O_PATH,
    RESOLVE_BENEATH,
    RESOLVE_IN_ROOT,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS,
)
from runtime.errors import KernelRefused
from runtime.kernel.libc import call

_RACES = 32
"""How often a lookup that met a concurrent rename is tried again (EAGAIN, openat2(2))."""


def openat2(directory: int, path: str, flags: int, resolve: int, *, mode: int = 0) -> int:
    """Open `path` from `directory` under the `resolve` restrictions, close-on-exec.

    See openat2(2).
    """
    how = struct.pack("<QQQ", flags | os.O_CLOEXEC, mode, resolve)
    encoded = os.fsencode(path)
    for _ in range(_RACES):
        try:
            return call("openat2", directory, encoded, how, len(how), path=path)
        except KernelRefused as refused:
            if refused.errno not in (errno.EAGAIN, errno.EINTR):
                raise
    return call("openat2", directory, encoded, how, len(how), path=path)


def open_in_root(root: int, path: str, flags: int = O_PATH) -> int:
    """Open `path` with `root` as the root directory: links and `..` resolve inside it."""
    return openat2(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)


def open_plain(root: int, path: str, flags: int = O_PATH) -> int:
    """Open `path` below `root`, refusing every symbolic link on the way (ELOOP)."""
    resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS
    return openat2(root, path.lstrip("/") or ".", flags, resolve)


def make_directories(root: int, path: str, *, mode: int = 0o755) -> int:
    """Open directory `path` inside `root`, making what is missing; returns an O_PATH descriptor.

    Links that exist resolve inside `root`. The caller's file system ids own what is made.
    Raises KernelRefused (ENOTDIR, ELOOP...).
    """
    reached = os.dup(root)
    walked = ""
    try:
        for name in posixpath.normpath("/" + path).strip("/").split("/"):
            if name:
                walked = f"{walked}/{name}"
                parent, reached = reached, _enter(root, reached, walked, mode)
                os.close(parent)
        return reached
    except BaseException:
        os.close(reached)
        raise


def _enter(root: int, parent: int, walked: str, mode: int) -> int:
    try:
        return open_in_root(root, walked, O_PATH | os.O_DIRECTORY)
    except KernelRefused as refused:
        if refused.errno != errno.ENOENT:
            raise
    name = posixpath.basename(walked)
    try:
        os.mkdir(name, mode, dir_fd=parent)
    except OSError as error:
        raise KernelRefused("mkdirat", error.errno or 0, walked) from None
    return open_plain(parent, name, O_PATH | os.O_DIRECTORY)
