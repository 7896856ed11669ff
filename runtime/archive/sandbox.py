"""The second wall around unpacking: a process that has only its target directory left.

Even if hostile bytes took the decompressor over, there is no other file, no network, no privilege
beyond owners and modes of files in that directory, no program and no device to reach.
"""

from __future__ import annotations

import os
import resource
import signal

from runtime import abi
from runtime.kernel import caps, landlock, mounts, prctl
from runtime.kernel.namespaces import unshare

_KEPT_CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_SETFCAP",
)
"""Whiteouts need no CAP_MKNOD (mknod(2) with device 0:0, Linux 5.8), real devices do."""

_OPEN_FILES = 1024
_MEMORY = 2 * 1024**3
_PRIVATE = abi.CLONE_NEWNS | abi.CLONE_NEWNET | abi.CLONE_NEWIPC | abi.CLONE_NEWUTS


def enter(target: int, *, parent: int) -> int:
    """Make `target` the root directory of this single-threaded process and drop the rest.

    Returns the descriptor to use from then on. The process dies with `parent`. Raises
    KernelRefused, OSError.
    """
    prctl.set_parent_death_signal(signal.SIGKILL)
    if os.getppid() != parent:
        raise ProcessLookupError("the parent is gone")
    prctl.set_no_new_privileges()
    root = _pivot(target)
    _limit()
    _drop_capabilities()
    _deny_the_rest()
    return root


def _pivot(target: int) -> int:
    """The clone of the mount is all that is left; its flags make what is unpacked inert here.

    It is cloned first: after unshare(2) `target` belongs to a mount of another namespace.
    """
    clone = mounts.open_tree("", directory=target)
    inert = abi.MOUNT_ATTR_NOSUID | abi.MOUNT_ATTR_NODEV | abi.MOUNT_ATTR_NOEXEC
    mounts.mount_setattr(clone, add=inert)
    unshare(_PRIVATE)
    mounts.set_propagation("/", abi.MS_SLAVE)
    old_root = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    mounts.move_mount(clone, old_root)
    os.fchdir(clone)
    mounts.pivot_root(".", ".")
    mounts.detach(".")
    os.chdir("/")
    os.close(old_root)
    os.close(target)
    return clone


def _limit() -> None:
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_AS, _MEMORY)


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (limit, limit))


def _drop_capabilities() -> None:
    kept = 0
    for number, name in enumerate(abi.CAPABILITIES):
        if name in _KEPT_CAPABILITIES:
            kept |= 1 << number
        else:
            prctl.drop_from_bounding_set(number)
    caps.capset(kept, kept, 0)


def _deny_the_rest() -> None:
    version = landlock.version()
    if not version:
        return
    landlock.deny(
        filesystem=abi.LANDLOCK_ACCESS_FS_EXECUTE
        | abi.LANDLOCK_ACCESS_FS_MAKE_SOCK
        | abi.LANDLOCK_ACCESS_FS_MAKE_BLOCK,
        network=abi.LANDLOCK_ACCESS_NET_BIND_TCP | abi.LANDLOCK_ACCESS_NET_CONNECT_TCP
        if version >= 4
        else 0,
        scoped=abi.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | abi.LANDLOCK_SCOPE_SIGNAL
        if version >= 6
        else 0,
    )
