"""Decide about a container of an OCI bundle before anything is done: Config -> values. Pure."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtime import abi
from runtime.errors import InvalidSpec
from runtime.isolation import capabilities
from runtime.isolation.plan import DEVICES
from runtime.oci.config import Config
from runtime.oci.config_devices import Device
from runtime.oci.config_ids import IdMapping
from runtime.oci.config_process import CapabilitySets, ProcessConfig, Rlimit
from runtime.oci.config_scheduling import Affinity, IoPriority, Scheduler

if TYPE_CHECKING:
    from runtime.isolation.profile import Filter
    from runtime.oci.config_seccomp import Seccomp

FLAGS = {
    "pid": abi.CLONE_NEWPID,
    "network": abi.CLONE_NEWNET,
    "mount": abi.CLONE_NEWNS,
    "ipc": abi.CLONE_NEWIPC,
    "uts": abi.CLONE_NEWUTS,
    "user": abi.CLONE_NEWUSER,
    "cgroup": abi.CLONE_NEWCGROUP,
    "time": abi.CLONE_NEWTIME,
}
"""Kind of namespace, as config-linux.md spells it -> its flag of clone(2)."""
FILES = {
    "pid": "pid",
    "network": "net",
    "mount": "mnt",
    "ipc": "ipc",
    "uts": "uts",
    "user": "user",
    "cgroup": "cgroup",
    "time": "time",
}
"""Kind of namespace -> its name in /proc/<pid>/ns (namespaces(7))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Powers:
    """The five sets of capabilities(7) as bit masks."""

    bounding: int
    effective: int
    inheritable: int
    permitted: int
    ambient: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessPlan:
    """What is executed in the end, by a launch and by a join alike; ids are those inside.

    `powers` may lack what was asked for: see `missing_powers`. The caller's descriptors `preserved`
    stay open in it.
    """

    args: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    umask: int | None
    powers: Powers
    no_new_privileges: bool
    filter: Filter | None
    rlimits: tuple[Rlimit, ...]
    oom_score_adj: int | None
    terminal: bool
    console_size: tuple[int, int] | None
    personality: int | None
    scheduler: Scheduler | None
    io_priority: IoPriority | None
    affinity: Affinity | None
    preserved: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IdMaps:
    """How ids inside are ids of the host; without extents they are the same."""

    uids: tuple[IdMapping, ...] = ()
    gids: tuple[IdMapping, ...] = ()

    def uid(self, inside: int, field: str = "process.user.uid") -> int:
        """Return the host's id of a user inside. Raises InvalidSpec(field) where it has none."""
        return _map(inside, self.uids, field)

    def gid(self, inside: int, field: str = "process.user.gid") -> int:
        """Return the host's id of a group inside. Raises InvalidSpec(field) where it has none."""
        return _map(inside, self.gids, field)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What of the machine and of the runtime itself a plan depends on.

    `machine` is uname -m, `held` the mask of capabilities that the runtime has.
    """

    machine: str
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """A bundle and what was decided about it; `rootfs` is an absolute path of the host."""

    config: Config
    process: ProcessPlan
    rootfs: str
    devices: tuple[Device, ...]
    pivot: bool = True


def plan_process(
    process: ProcessConfig,
    config: Config,
    around: Surroundings,
    *,
    preserved: tuple[int, ...] = (),
) -> ProcessPlan:
    """Decide how `process` is executed in the container of `config`. Raises InvalidSpec."""
    env = dict(text.split("=", 1) for text in process.env)
    held = capabilities.ALL if "user" in config.linux.namespaces else around.held
    return ProcessPlan(
        args=process.args,
        env=env,
        cwd=process.cwd,
        uid=process.user.uid,
        gid=process.user.gid,
        groups=process.user.additional_gids,
        umask=process.user.umask,
        powers=_plan_powers(process.capabilities, held),
        no_new_privileges=process.no_new_privileges,
        filter=_plan_filter(config.linux.seccomp, around.machine),
        rlimits=process.rlimits,
        oom_score_adj=process.oom_score_adj,
        terminal=process.terminal,
        console_size=process.console_size,
        personality=config.linux.personality,
        scheduler=process.scheduler,
        io_priority=process.io_priority,
        affinity=process.affinity,
        preserved=preserved,
    )


def missing_powers(process: ProcessConfig, config: Config, around: Surroundings) -> tuple[str, ...]:
    """Return the capabilities that were asked for and that the runtime has not to give.

    config.md#linux-process wants a warning of them, and no error.
    """
    if "user" in config.linux.namespaces:
        return ()
    asked = process.capabilities
    names = {*asked.bounding, *asked.permitted, *asked.inheritable}
    return tuple(
        name for name in sorted(names) if not around.held >> capabilities.NUMBERS[name] & 1
    )


def plan_blueprint(
    config: Config, bundle: str, process: ProcessPlan, *, pivot: bool = True
) -> Blueprint:
    """Decide about the container of `config` in the directory `bundle`. Raises InvalidSpec."""
    rootfs = config.rootfs if config.rootfs.startswith("/") else f"{bundle}/{config.rootfs}"
    maps = IdMaps(uids=config.linux.uid_mappings, gids=config.linux.gid_mappings)
    if config.linux.namespaces.get("user") == "":
        check_ids(process, maps)
    return Blueprint(
        config=config,
        process=process,
        rootfs=rootfs,
        devices=plan_devices(config),
        pivot=pivot,
    )


def check_ids(process: ProcessPlan, maps: IdMaps) -> None:
    """Raise InvalidSpec for an id of `process` that its user namespace has not."""
    maps.uid(process.uid)
    maps.gid(process.gid)
    for place, group in enumerate(process.groups):
        maps.gid(group, f"process.user.additionalGids[{place}]")


def check_further(process: ProcessPlan) -> None:
    """Raise InvalidSpec for what a process that joins a container could not keep: it is a fork."""
    if process.scheduler is not None and process.scheduler.ends_with_a_fork:
        raise InvalidSpec("process.scheduler", "is for the first process only: a child has it not")


def plan_devices(config: Config) -> tuple[Device, ...]:
    """Return the nodes to make: the default ones and those of the bundle, which win.

    None where /dev is a bind mount: it is somebody else's (config-linux.md#default-devices).
    """
    binds = {mount.destination.rstrip("/") for mount in config.mounts if mount.bind}
    if "/dev" in binds:
        return ()
    made = {
        f"/dev/{name}": Device(
            path=f"/dev/{name}",
            mode=stat.S_IFCHR | 0o666,
            major=major,
            minor=minor,
            uid=0,
            gid=0,
        )
        for name, major, minor in DEVICES
        if f"/dev/{name}" not in binds
    }
    made |= {device.path: device for device in config.linux.devices}
    return tuple(made.values())


def _plan_filter(seccomp: Seccomp | None, machine: str) -> Filter | None:
    """Return the program; its compiler is loaded for who has one to be compiled only."""
    if seccomp is None:
        return None
    from runtime.isolation.profile import compile_profile

    return compile_profile(seccomp, machine)


def _plan_powers(sets: CapabilitySets, held: int) -> Powers:
    def mask(names: tuple[str, ...]) -> int:
        return capabilities.mask(names, field="process.capabilities") & held

    return Powers(
        bounding=mask(sets.bounding),
        effective=mask(sets.effective),
        inheritable=mask(sets.inheritable),
        permitted=mask(sets.permitted),
        ambient=mask(sets.ambient),
    )


def _map(inside: int, extents: tuple[IdMapping, ...], field: str) -> int:
    if not extents:
        return inside
    for extent in extents:
        if extent.container <= inside < extent.container + extent.size:
            return extent.host + inside - extent.container
    raise InvalidSpec(field, f"{inside} is not among the ids of the user namespace")
