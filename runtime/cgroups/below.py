"""Groups below those of a container, which its own processes, or whoever it is, have made."""

from __future__ import annotations

import os
from collections.abc import Mapping

from runtime.cgroups.cgroup import Cgroup, Group
from runtime.errors import InvalidSpec, KernelRefused


def open_below(cgroup: Cgroup, paths: Mapping[str, str], *, field: str) -> Cgroup:
    """Return the groups at `paths` below those of `cgroup`; the caller closes it.

    `paths` are by controller of v1, "" stands for all that are not named. Raises InvalidSpec(field)
    for a path that leaves the container's groups or does not exist.
    """
    for controller, path in paths.items():
        if ".." in path.split("/"):
            raise InvalidSpec(field, f"{path!r} leaves the container's cgroup")
        if controller and cgroup.group(controller) is None:
            raise InvalidSpec(field, f"the container has no group of {controller}")
    groups = []
    for group in cgroup.groups:
        named = [paths[name] for name in group.tree.controllers if name in paths]
        path = (named or [paths.get("", "")])[0].strip("/")
        directory = f"{group.directory}/{path}" if path else group.directory
        if not os.path.isdir(directory):
            raise InvalidSpec(field, f"{directory} does not exist")
        groups.append(Group(group.tree, directory))
    return Cgroup(cgroup.path, tuple(groups))


def open_of(cgroup: Cgroup, pid: int) -> Cgroup:
    """Return `cgroup` with the v2 group that process `pid` is in, if that lies below its own.

    A group whose children have controllers takes no process itself (cgroups(7)): whoever is in the
    container has moved its processes further down. The caller closes it. Raises KernelRefused.
    """
    inside = _path_of(pid)
    groups = []
    for group in cgroup.groups:
        directory = f"{group.tree.mount}{inside}"
        below = group.tree.version == 2 and directory.startswith(f"{group.directory}/")
        groups.append(Group(group.tree, directory) if below else group)
    return Cgroup(cgroup.path, tuple(groups))


def _path_of(pid: int) -> str:
    """Return where a process is in the v2 hierarchy, "" where there is none."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise KernelRefused("open", error.errno or 0, f"/proc/{pid}/cgroup") from None
    return next((line[3:].rstrip("/") for line in lines if line.startswith("0::")), "")
