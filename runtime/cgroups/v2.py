"""One group of the v2 hierarchy. See cgroups(7) and Documentation/admin-guide/cgroup-v2.rst."""

from __future__ import annotations

import os

from runtime.cgroups import files
from runtime.cgroups.layout import Hierarchy
from runtime.errors import KernelRefused

_DELEGATED = ("cpu", "memory", "pids")


def make(tree: Hierarchy, path: str, controllers: frozenset[str] = frozenset()) -> str:
    """Make the group `path` and its ancestors, with the controllers switched on down to it.

    They are the usual ones and those of `controllers`, as far as `tree` has them.
    """
    wanted = [name for name in tree.controllers if name in controllers or name in _DELEGATED]
    directory = tree.mount
    for name in path.split("/")[:-1]:
        _switch_on(directory, wanted)
        directory = f"{directory}/{name}"
        os.makedirs(directory, mode=0o755, exist_ok=True)
    _switch_on(directory, wanted)
    directory = f"{tree.mount}/{path}"
    files.make_directory(directory)
    return directory


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


def _switch_on(directory: str, wanted: list[str]) -> None:
    control = f"{directory}/cgroup.subtree_control"
    on = files.read(control).split()
    missing = [name for name in wanted if name not in on]
    if missing:
        files.write(control, " ".join(f"+{name}" for name in missing))
