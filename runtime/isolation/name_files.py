"""The files that name the container: /etc/hostname and /etc/hosts, its own whatever the image has.

They lie in a small filesystem of their own, so that they are no part of what the container changes
in its image. It stays hidden under /dev/shm: before Linux 6.15 only what is attached can be cloned.
"""

from __future__ import annotations

import errno
import os
import stat

from runtime.abi import O_PATH
from runtime.errors import KernelRefused
from runtime.isolation.filesystems import make
from runtime.isolation.idmap import as_owner
from runtime.isolation.plan import LaunchPlan
from runtime.kernel import mounts, paths


def attach(plan: LaunchPlan, root: int, dev: int) -> None:
    """Put the plan's files over those of the image, where plain files are or can be.

    A link or something else at that place is left alone. Raises KernelRefused.
    """
    etc = _open_etc(root)
    if etc is None:
        return
    tree = make(plan.name_files_place, plan.process.id_base)
    try:
        hidden = paths.open_plain(dev, "shm", O_PATH | os.O_DIRECTORY)
        try:
            mounts.move_mount(tree, hidden)
        finally:
            os.close(hidden)
        for name, content in plan.name_files:
            _write(tree, name, content, plan.process.id_base)
            _cover(etc, tree, name, plan.process.id_base)
    finally:
        os.close(tree)
        os.close(etc)


def _open_etc(root: int) -> int | None:
    try:
        return paths.open_plain(root, "etc", O_PATH | os.O_DIRECTORY)
    except KernelRefused as refused:
        if refused.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return None
        raise


def _write(tree: int, name: str, content: str, id_base: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o644, dir_fd=tree)
    try:
        os.write(descriptor, content.encode())
        os.fchown(descriptor, id_base, id_base)
        os.fchmod(descriptor, 0o644)
    finally:
        os.close(descriptor)


def _cover(etc: int, tree: int, name: str, id_base: int) -> None:
    target = _open_target(etc, name, id_base)
    if target is None:
        return
    try:
        if stat.S_ISREG(os.fstat(target).st_mode):
            clone = mounts.open_tree(name, directory=tree)
            try:
                mounts.move_mount(clone, target, path=f"/etc/{name}")
            finally:
                os.close(clone)
    finally:
        os.close(target)


def _open_target(etc: int, name: str, id_base: int) -> int | None:
    """Open the place of a file, None for a link; an empty file is made where nothing is."""
    try:
        return paths.open_plain(etc, name)
    except KernelRefused as refused:
        if refused.errno == errno.ELOOP:
            return None
        if refused.errno != errno.ENOENT:
            raise
    with as_owner(id_base):
        making = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(name, making, 0o644, dir_fd=etc))
    return paths.open_plain(etc, name)
