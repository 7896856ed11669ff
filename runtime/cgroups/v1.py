"""One group of a v1 hierarchy. See cgroups(7) and Documentation/admin-guide/cgroup-v1."""

from __future__ import annotations

import os

from runtime.cgroups import files
from runtime.cgroups.layout import Hierarchy


def make(tree: Hierarchy, path: str) -> str:
    """Make the group `path` of `tree` and its ancestors; returns its directory."""
    directory = f"{tree.mount}/{path}"
    os.makedirs(os.path.dirname(directory), mode=0o755, exist_ok=True)
    files.make_directory(directory)
    return directory


def oom_kills(directory: str) -> int:
    """Return how many processes of the group the kernel killed for memory."""
    return files.read_fields(f"{directory}/memory.oom_control").get("oom_kill", 0)
