"""A container's cgroup: one group in each hierarchy of the host that counts, seen as one thing."""

from __future__ import annotations

import errno
import os
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass

from runtime.cgroups import devices, files, freezer, v1, v2
from runtime.cgroups.further_plan import asks_further, plan_further
from runtime.cgroups.layout import Hierarchy, Layout, detect, detect_all
from runtime.cgroups.plan import Write, plan_limits
from runtime.cgroups.resources_plan import DEFAULT_RULES, plan_resources
from runtime.errors import InvalidSpec, KernelRefused, Unavailable
from runtime.oci.bundle import Resources
from runtime.oci.config_resources import DeviceRule, LinuxResources

_REMOVE_SECONDS = 5.0
_PAUSE_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Group:
    """The container's directory in one hierarchy."""

    tree: Hierarchy
    directory: str


class Cgroup:
    """All groups of one container. `fd` is its v2 directory, for CLONE_INTO_CGROUP, or None."""

    __slots__ = ("fd", "groups", "path")

    def __init__(self, path: str, groups: tuple[Group, ...]) -> None:
        self.path = path
        self.groups = groups
        unified = self._version(2)
        self.fd: int | None = None
        if unified:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            self.fd = os.open(unified[0].directory, flags)

    @property
    def view(self) -> tuple[str, ...]:
        """Return what the container may see under /sys/fs/cgroup.

        Hierarchies of v1 by their controllers ("cpu,cpuacct" where they share one), or
        ("unified",).
        """
        own = tuple(",".join(group.tree.controllers) for group in self._version(1))
        return own or ("unified",)

    @property
    def unified(self) -> str | None:
        """Return the container's directory in the v2 hierarchy."""
        return next((group.directory for group in self._version(2)), None)

    def group(self, controller: str) -> Group | None:
        """Return the container's group in the hierarchy that has `controller`."""
        for group in self.groups:
            if controller in group.tree.controllers:
                return group
        return None

    def directory(self, controller: str) -> str | None:
        """Return the container's directory in the hierarchy that has `controller`."""
        group = self.group(controller)
        return None if group is None else group.directory

    def attach(self, pid: int) -> None:
        """Move a process into every group; 0 is the caller itself. Raises KernelRefused."""
        for group in self.groups:
            files.write(f"{group.directory}/cgroup.procs", str(pid))

    def attach_self_v1(self) -> None:
        """Move the calling thread, which is alone, into the v1 groups after clone3 did the v2 one.

        For `0` in `tasks` the kernel skips a lock that costs an RCU grace period, some 8 ms
        (Linux 5.6: "Optimize single thread migration").
        """
        for group in self._version(1):
            files.write(f"{group.directory}/tasks", "0")

    def pids(self) -> list[int]:
        """Return every process inside, the whole subtree."""
        found: list[int] = []
        for group in (self._version(2) or self.groups)[:1]:
            for directory, _, _ in os.walk(group.directory):
                found += files.read_pids(directory)
        return found

    def change(self, writes: tuple[Write, ...]) -> None:
        """Write limits while the group is in use; if one is refused, all are as before.

        Raises KernelRefused.
        """
        for group in self._version(2):
            v2.delegate(group.tree, self.path, frozenset(write.controller for write in writes))
        with ExitStack() as undo:
            for write in writes:
                path = f"{self.directory(write.controller)}/{write.name}"
                before = files.read(path).strip() if os.path.exists(path) else ""
                apply(self, write)
                if before and "\n" not in before:
                    undo.callback(files.write, path, before)
            undo.pop_all()

    def kill(self) -> None:
        """Send SIGKILL to everything inside, now; does not wait for the end of it."""
        if any(v2.kill(group.directory) for group in self._version(2)):
            return
        deadline = time.monotonic() + _REMOVE_SECONDS
        while (inside := self._signal_all()) and time.monotonic() < deadline:
            self.thaw()  # v1: what is frozen dies only then
            time.sleep(_PAUSE_SECONDS * len(inside) ** 0.5)

    def freeze(self) -> None:
        """Let everything inside stand still; return when it does.

        Raises Unavailable where it does not, or the host has no freezer; KernelRefused.
        """
        group = self._freezer()
        if group is None:
            raise Unavailable("this host has no cgroup freezer")
        freezer.freeze(group.directory, group.tree.version)

    def thaw(self) -> None:
        """Let everything inside go on; harmless where it is not frozen. Raises KernelRefused."""
        group = self._freezer()
        if group is not None:
            freezer.thaw(group.directory, group.tree.version)

    def is_frozen(self) -> bool:
        """Say whether everything inside stands still. Raises KernelRefused."""
        group = self._freezer()
        return group is not None and freezer.is_frozen(group.directory, group.tree.version)

    def oom_kills(self) -> int:
        """Return how many processes inside the kernel has killed for memory."""
        group = self.group("memory")
        if group is None:
            return 0
        read = v2.oom_kills if group.tree.version == 2 else v1.oom_kills
        return read(group.directory)

    def remove(self) -> None:
        """Remove the groups, waiting for the dying; missing ones are fine. Raises KernelRefused."""
        self.close()
        deadline = time.monotonic() + _REMOVE_SECONDS
        for group in self.groups:
            _remove_tree(group.directory, deadline)

    def close(self) -> None:
        """Close the descriptor; the groups stay."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    def _freezer(self) -> Group | None:
        """Return the group that freezes: v2 where it is mounted, for that one always can."""
        return next(iter(self._version(2)), None) or self.group("freezer")

    def _version(self, version: int) -> tuple[Group, ...]:
        return tuple(group for group in self.groups if group.tree.version == version)

    def _signal_all(self) -> list[int]:
        inside = self.pids()
        for pid in inside:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return inside


def create(path: str, resources: Resources, *, layout: Layout | None = None) -> Cgroup:
    """Make the groups of `path` with `resources` as their limits.

    `path` is relative to each hierarchy's root. Raises Conflict if it exists, InvalidSpec for a
    limit that the host cannot hold, KernelRefused; nothing is left then (ancestors stay).
    """
    if asks_further(resources):
        layout = layout or detect_all()
        plan = plan_further(resources, layout)
        return _make(path, plan.writes, plan.rules, layout)
    layout = layout or detect()
    return _make(path, plan_limits(resources, layout), DEFAULT_RULES, layout)


def create_by_rules(
    path: str, resources: LinuxResources, *, layout: Layout | None = None
) -> Cgroup:
    """As `create`, with the limits and device rules of an OCI bundle; `layout` of `detect_all`."""
    layout = layout or detect_all()
    plan = plan_resources(resources, layout)
    return _make(path, plan.writes, plan.rules, layout)


def _make(
    path: str, writes: tuple[Write, ...], rules: tuple[DeviceRule, ...], layout: Layout
) -> Cgroup:
    controllers = frozenset(write.controller for write in writes)
    with ExitStack() as undo:
        groups = []
        for tree in layout.hierarchies:
            if tree.version == 2:
                directory = v2.make(tree, path, controllers)
            else:
                directory = v1.make(tree, path)
            undo.callback(_remove_tree, directory, 0.0)
            groups.append(Group(tree, directory))
        cgroup = Cgroup(path, tuple(groups))
        undo.callback(cgroup.close)
        for write in writes:
            apply(cgroup, write)
        if layout.find("devices") is None and cgroup.fd is not None:
            devices.restrict(cgroup.fd, rules)
        undo.pop_all()
        return cgroup


def open_existing(path: str, *, layout: Layout | None = None) -> Cgroup:
    """Return the cgroup that `create` made earlier, as far as its groups still exist."""
    layout = layout or detect_all()
    places = [Group(tree, f"{tree.mount}/{path}") for tree in layout.hierarchies]
    return Cgroup(path, tuple(group for group in places if os.path.isdir(group.directory)))


def apply(cgroup: Cgroup, write: Write) -> None:
    """Write a control file of a group. Raises KernelRefused, also where it lacks."""
    try:
        files.write(f"{cgroup.directory(write.controller)}/{write.name}", write.value)
    except KernelRefused as refused:
        missing = files.is_missing(refused)
        if write.optional and missing:
            return
        if not write.field:
            raise
        reason = f"{write.value}: {os.strerror(refused.errno).lower()}"
        if missing:
            reason = f"this kernel has no {write.name}"
        raise InvalidSpec(write.field, reason) from None


def _remove_tree(directory: str, deadline: float) -> None:
    try:
        below = [entry.path for entry in os.scandir(directory) if entry.is_dir()]
    except FileNotFoundError:
        return
    for child in below:
        _remove_tree(child, deadline)
    while True:
        try:
            os.rmdir(directory)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() >= deadline:
                raise KernelRefused("rmdir", error.errno or 0, directory) from None
            time.sleep(_PAUSE_SECONDS)
        else:
            return
