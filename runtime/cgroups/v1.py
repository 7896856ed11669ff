"""One group of a v1 hierarchy. See cgroups(7) and Documentation/admin-guide/cgroup-v1."""

from __future__ import annotations

import os

from runtime.cgroups import files
from runtime.cgroups.layout import Hierarchy


def make(tree: Hierarchy, path: str) -> str:
    """Make the group `path` of `tree` and its ancestors; returns its directory."""
    directory = tree.mount
    *above, name = path.split("/")
    for ancestor in above:
        parent, directory = directory, f"{directory}/{ancestor}"
        os.makedirs(directory, mode=0o755, exist_ok=True)
        _inherit_processors(tree, parent, directory)
    files.make_directory(f"{directory}/{name}")
    _inherit_processors(tree, directory, f"{directory}/{name}")
    return f"{directory}/{name}"


def _inherit_processors(tree: Hierarchy, parent: str, directory: str) -> None:
    """Let a group use what its parent may: an empty cpuset takes no process (cpuset(7))."""
    for name in ("cpuset.cpus", "cpuset.mems") if "cpuset" in tree.controllers else ():
        if not files.read(f"{directory}/{name}").strip():
            files.write(f"{directory}/{name}", files.read(f"{parent}/{name}").strip())


def oom_kills(directory: str) -> int:
    """Return how many processes of the group the kernel killed for memory."""
    return files.read_fields(f"{directory}/memory.oom_control").get("oom_kill", 0)
