"""Showing files under other owners without changing them: id-mapped clones of mounts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.abi import MOUNT_ATTR_IDMAP, SECBIT_NO_SETUID_FIXUP
from runtime.errors import KernelRefused
from runtime.kernel import mounts
from runtime.kernel.namespaces import setfsids
from runtime.kernel.prctl import set_securebits


def clone_mapped(path: str, user_namespace: int | None) -> int:
    """Return a detached clone of directory `path` where id 0 on disk is id 0 inside.

    Without a `user_namespace` ids stay as they are.

    `path` must be the engine's own. Raises KernelRefused, EINVAL where the filesystem cannot be
    mapped. See mount_setattr(2).
    """
    clone = mounts.open_tree(path, follow=False)
    if user_namespace is None:
        return clone
    try:
        mounts.mount_setattr(clone, add=MOUNT_ATTR_IDMAP, user_namespace=user_namespace)
    except KernelRefused as refused:
        os.close(clone)
        raise KernelRefused(refused.call, refused.errno, f"{path} (id-mapped)") from None
    return clone


@contextmanager
def as_owner(identity: int) -> Iterator[None]:
    """Make files as host user and group `identity`, keeping all capabilities.

    An id-mapped mount refuses ids that its map lacks (EOVERFLOW), and the host's root is one.
    """
    set_securebits(SECBIT_NO_SETUID_FIXUP)
    setfsids(identity)
    try:
        yield
    finally:
        setfsids(0)
        set_securebits(0)
