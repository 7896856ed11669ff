"""One group of the v2 hierarchy. See cgroups(7) and Documentation/admin-guide/cgroup-v2.rst."""

from __future__ import annotations

import errno
import os

from runtime.cgroups import files
from runtime.cgroups.layout import Hierarchy
from runtime.errors import KernelRefused

_DELEGATED = ("cpu", "memory", "pids")
_LEAF = "init"
"""Takes the processes of a cgroup namespace's root; container engines call it so."""
_ATTEMPTS = 10


def make(tree: Hierarchy, path: str, controllers: frozenset[str] = frozenset()) -> str:
    """Make the group `path` and its ancestors, with the controllers switched on down to it.

    They are the usual ones and those of `controllers`, as far as `tree` has them. Raises
    Conflict if it exists, KernelRefused.
    """
    wanted = [name for name in tree.controllers if name in controllers or name in _DELEGATED]
    directory = tree.mount
    for name in path.split("/")[:-1]:
        _switch_on(directory, wanted, root=directory == tree.mount)
        directory = f"{directory}/{name}"
        os.makedirs(directory, mode=0o755, exist_ok=True)
    _switch_on(directory, wanted, root=directory == tree.mount)
    directory = f"{tree.mount}/{path}"
    files.make_directory(directory)
    return directory


def delegate(tree: Hierarchy, path: str, controllers: frozenset[str]) -> None:
    """Switch further controllers on, down to the group `path`. Raises KernelRefused."""
    wanted = [name for name in tree.controllers if name in controllers]
    directory = tree.mount
    for name in path.split("/"):
        _switch_on(directory, wanted, root=directory == tree.mount)
        directory = f"{directory}/{name}"


def oom_kills(directory: str) -> int:
    """Return how many processes of the group the kernel killed for memory."""
    return files.read_fields(f"{directory}/memory.events").get("oom_kill", 0)


def kill(directory: str) -> bool:
    """Kill every process of the group at once; False where the kernel is older than 5.14."""
    try:
        files.write(f"{directory}/cgroup.kill", "1")
    except KernelRefused as refused:
        if files.is_missing(refused):
            return False
        raise
    return True


def is_populated(directory: str) -> bool:
    """Say whether a live process is in the group or below."""
    return files.read_fields(f"{directory}/cgroup.events").get("populated", 0) == 1


def _switch_on(directory: str, wanted: list[str], *, root: bool = False) -> None:
    """Give the groups below `directory` the controllers `wanted`.

    The `root` may be that of a cgroup namespace, which is a group like any other: processes in it
    are in the way (cgroups(7): no internal processes), and are moved aside.
    """
    control = f"{directory}/cgroup.subtree_control"
    on = files.read(control).split()
    missing = " ".join(f"+{name}" for name in wanted if name not in on)
    attempts = _ATTEMPTS if root else 1
    while missing:
        attempts -= 1
        try:
            files.write(control, missing)
        except KernelRefused as refused:
            if refused.errno != errno.EBUSY or attempts == 0:
                raise
            _move_aside(directory)
        else:
            return


def _move_aside(directory: str) -> None:
    leaf = f"{directory}/{_LEAF}"
    os.makedirs(leaf, mode=0o755, exist_ok=True)
    for pid in files.read_pids(directory):
        if pid == 0:  # it would mean the caller; this one is of another pid namespace
            raise KernelRefused(
                "write", errno.EBUSY, f"{directory}/cgroup.procs (processes that cannot be moved)"
            )
        try:
            files.write(f"{leaf}/cgroup.procs", str(pid))
        except KernelRefused as refused:
            if refused.errno != errno.ESRCH:
                raise
