"""Which cgroup hierarchies the host has, judged per controller: v1, v2, or both (hybrid)."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from runtime.errors import KernelRefused

CONTROLLERS = ("cpu", "cpuacct", "devices", "freezer", "memory", "pids")
"""What is used of v1; other hierarchies are left alone."""


_KNOWN = (*CONTROLLERS, "blkio", "cpuset", "hugetlb", "net_cls", "net_prio", "perf_event", "rdma")
"""Controllers of v1 among the other mount options; some share a hierarchy with one that counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchy:
    """One mounted hierarchy and its controllers, in the order of its mount options."""

    mount: str
    version: int
    controllers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The hierarchies a container gets a group in; `unified` is the v2 one where it is mounted."""

    hierarchies: tuple[Hierarchy, ...]

    @property
    def unified(self) -> Hierarchy | None:
        """Return the v2 hierarchy."""
        return next((tree for tree in self.hierarchies if tree.version == 2), None)

    def find(self, controller: str) -> Hierarchy | None:
        """Return the hierarchy that has `controller`."""
        return next((tree for tree in self.hierarchies if controller in tree.controllers), None)

    @property
    def mode(self) -> str:
        """Return v1, v2 or hybrid."""
        versions = {tree.version for tree in self.hierarchies}
        return "hybrid" if len(versions) == 2 else f"v{versions.pop()}" if versions else "none"


def parse(
    mountinfo: str, unified_controllers: str, *, wanted: tuple[str, ...] = CONTROLLERS
) -> Layout:
    """Return the layout told by /proc/self/mountinfo and the v2 root's cgroup.controllers.

    Hierarchies of v1 without a `wanted` controller are left out. See cgroups(7). Pure.
    """
    trees: dict[str, Hierarchy] = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        if not right.startswith("cgroup"):
            continue
        fstype, _source, options = right.split(" ", 2)
        mount = left.split(" ")[4]
        if fstype == "cgroup2":
            controllers = unified_controllers.split()
            trees.setdefault("unified", _hierarchy(mount, 2, controllers))
        elif fstype == "cgroup":
            controllers = [name for name in options.split(",") if name in _KNOWN]
            if set(controllers) & set(wanted):
                trees.setdefault(",".join(controllers), _hierarchy(mount, 1, controllers))
    if "unified" in trees:
        trees.pop("freezer", None)
    return Layout(hierarchies=tuple(trees.values()))


@functools.cache
def detect() -> Layout:
    """Return the layout of this host. Raises KernelRefused if none is mounted."""
    return _detect(CONTROLLERS)


@functools.cache
def detect_all() -> Layout:
    """Return the layout with every controller that a limit is known for. Raises as `detect`."""
    return _detect((*CONTROLLERS, "blkio", "cpuset", "hugetlb"))


def _detect(wanted: tuple[str, ...]) -> Layout:
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
        text = mounts.read()
    layout = parse(text, "", wanted=wanted)
    unified = layout.unified
    if unified is not None:
        with open(f"{unified.mount}/cgroup.controllers", encoding="ascii") as controllers:
            layout = parse(text, controllers.read(), wanted=wanted)
    if not layout.hierarchies:
        raise KernelRefused("open", 2, "/sys/fs/cgroup (no cgroup hierarchy is mounted)")
    return layout


def _hierarchy(mount: str, version: int, controllers: list[str]) -> Hierarchy:
    return Hierarchy(
        mount=mount.replace("\\040", " "), version=version, controllers=tuple(controllers)
    )
