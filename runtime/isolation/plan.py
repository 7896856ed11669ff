"""Decide everything about a container before anything is done: bundle -> values in order. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from runtime.abi import (
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MOUNT_ATTR_STRICTATIME,
)
from runtime.config import ID_RANGE_SIZE
from runtime.errors import InvalidSpec
from runtime.isolation import capabilities, seccomp, sharing
from runtime.oci.bundle import DEFAULT_CAPABILITIES, MASKED_PATHS, Bundle, DeviceWish
from runtime.oci.config_devices import KINDS, Device
from runtime.oci.config_mounts import Mount, parse_mount
from runtime.oci.reading import Fields

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HARMLESS = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC
_DEV_BYTES = 65_536 * 1024
_NAME_FILES_BYTES = 64 * 1024
_TTY_GROUP = 5
"""The group `tty` of every distribution; devpts gives it the slaves."""
_PING_GROUPS = "net.ipv4.ping_group_range"
_SEALED = ("nosuid", "nodev", "noexec")
_EMPTY = (("size", "4096"), ("nr_inodes", "1"), ("mode", "555"))
_TERMINALS = 256
"""Pseudo terminals of one container; the kernel has some 3,000 for all (devpts.rst)."""

DEVICES = (
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
)
DEVICE_LINKS = (
    ("ptmx", "pts/ptmx"),
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
)
TAKEN = ("pts", "shm", "mqueue", *(name for name, _ in DEVICE_LINKS))
"""What of /dev has filesystems of its own, or leads elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filesystem:
    """A filesystem to make and attach at `target`, a path relative to the container's root.

    `options` with an empty value are flags. Where `owned`, its top directory is given to root
    inside (the options of that filesystem cannot say so).
    """

    fstype: str
    target: str
    options: tuple[tuple[str, str], ...] = ()
    attributes: int = HARMLESS
    owned: bool = False

    def __str__(self) -> str:
        options = ",".join(f"{key}={value}" if value else key for key, value in self.options)
        return f"mount {self.fstype} on /{self.target} ({options or 'defaults'})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """What a process may never do: capability masks and the system call filter (b"" is none).

    `flags` are SECCOMP_FILTER_FLAG_* bits.
    """

    permitted: int
    bounding: int
    no_new_privileges: bool
    program: bytes
    flags: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinSpec:
    """A further process in a running container; fields mean what they mean in `Bundle`."""

    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    cwd: str = "/"
    user: str = ""
    id_base: int = 0
    capabilities: tuple[str, ...] = DEFAULT_CAPABILITIES
    no_new_privileges: bool = True
    seccomp: str = "default"
    umask: int | None = None
    groups: tuple[str, ...] = ()
    rlimits: tuple[tuple[int, int, int], ...] = ()
    oom_score_adj: int = 0
    personality: int | None = None
    filter_program: str = ""
    filter_flags: int = 0
    host_namespaces: tuple[str, ...] = ()

    @classmethod
    def inside(cls, bundle: Bundle, **own: Any) -> JoinSpec:
        """Return a process that has what `bundle` has, but for its `own`."""
        shared = {name: getattr(bundle, name) for name in cls.__dataclass_fields__}
        return cls(**(shared | own))


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What is executed in the end, by a launch and by a join alike; `own` are its namespaces."""

    args: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    user: str
    id_base: int
    confinement: Confinement
    umask: int | None = None
    groups: tuple[str, ...] = ()
    rlimits: tuple[tuple[int, int, int], ...] = ()
    oom_score_adj: int = 0
    personality: int | None = None
    own: int = sharing.ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPlan:
    """All that the inside of a new container does, decided."""

    process: Process
    reaper: Confinement | None
    fresh: int
    writable_views: bool
    layers: tuple[str, ...]
    state_dir: str
    read_only: bool
    hostname: str
    domainname: str | None
    filesystems: tuple[Filesystem, ...]
    readonly_paths: tuple[str, ...]
    masked_paths: tuple[str, ...]
    masks_throttles: bool
    mounts: tuple[Mount, ...]
    sysctls: tuple[tuple[str, str], ...]
    nodes: tuple[Device, ...]
    name_files: tuple[tuple[str, str], ...]
    name_files_place: Filesystem


def plan_launch(bundle: Bundle, *, view: tuple[str, ...], machine: str) -> LaunchPlan:
    """Decide how `bundle` is launched.

    `view` is what of the cgroup tree is shown (`Cgroup.view`), `machine` is uname -m. Raises
    InvalidSpec.
    """
    name_files = _plan_name_files(bundle)
    for field in ("masked_paths", "readonly_paths"):
        _check_paths(f"security.{field}", getattr(bundle, field))
    process = _plan_process(bundle, machine)
    return LaunchPlan(
        process=process,
        reaper=_plan_reaper(process, machine) if bundle.reaper else None,
        fresh=sharing.fresh(bundle.host_namespaces, bundle.peer_namespaces),
        writable_views=bundle.privileged,
        layers=bundle.lower,
        state_dir=bundle.state_dir,
        read_only=bundle.read_only,
        hostname=bundle.hostname,
        domainname=bundle.domainname,
        filesystems=_shared(plan_filesystems(bundle.id_base, bundle.shm_bytes, view), bundle),
        readonly_paths=bundle.readonly_paths,
        masked_paths=bundle.masked_paths,
        masks_throttles=bundle.masked_paths == MASKED_PATHS,
        mounts=tuple(_plan_tmpfs(*wanted, bundle.id_base) for wanted in bundle.tmpfs),
        sysctls=tuple(
            (name, _outside(name, value, bundle.id_base)) for name, value in bundle.sysctls
        ),
        nodes=tuple(_plan_node(wish, bundle.id_base) for wish in bundle.devices),
        name_files=name_files,
        name_files_place=Filesystem(
            fstype="tmpfs",
            target="dev/shm",
            options=(("mode", "755"), ("size", str(_room(name_files))), *_own(bundle.id_base)),
        ),
    )


def plan_join(spec: JoinSpec, *, machine: str) -> Process:
    """Decide how a process joins a running container. Raises InvalidSpec."""
    return _plan_process(spec, machine)


def plan_filesystems(base: int, shm_bytes: int, view: tuple[str, ...]) -> tuple[Filesystem, ...]:
    """Return what is attached below the root, parents before children.

    Ids in options are the host's: the mounting process is still in the initial user namespace.
    """
    own = _own(base)
    return (
        Filesystem(fstype="proc", target="proc"),
        Filesystem(
            fstype="tmpfs",
            target="dev",
            options=(("mode", "755"), ("size", str(_DEV_BYTES)), *own),
            attributes=MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME,
        ),
        Filesystem(fstype="sysfs", target="sys", attributes=HARMLESS | MOUNT_ATTR_RDONLY),
        Filesystem(
            fstype="devpts",
            target="dev/pts",
            options=(
                ("newinstance", ""),
                ("ptmxmode", "0666"),
                ("mode", "0620"),
                ("gid", str(base + _TTY_GROUP)),
                ("max", str(_TERMINALS)),
            ),
            attributes=MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
            owned=True,
        ),
        Filesystem(
            fstype="tmpfs",
            target="dev/shm",  # the container's own
            options=(("mode", "1777"), ("size", str(shm_bytes)), *own),
        ),
        Filesystem(fstype="mqueue", target="dev/mqueue", owned=True),
        *_plan_cgroup_view(own, view),
    )


def _shared(usual: tuple[Filesystem, ...], bundle: Bundle) -> tuple[Filesystem, ...]:
    """Return the filesystems of a container that shares namespaces, or may write to /sys."""
    of_host = "ipc" in bundle.host_namespaces
    if not (of_host or bundle.privileged) and bundle.shm_bytes:
        return usual
    found = []
    for one in usual:
        if one.target == "dev/mqueue":
            found.append(replace(one, owned=not of_host))
        elif one.target == "dev/shm" and not bundle.shm_bytes:
            found.append(replace(one, options=_EMPTY, attributes=HARMLESS | MOUNT_ATTR_RDONLY))
        elif one.target.startswith("sys") and bundle.privileged:
            found.append(replace(one, attributes=one.attributes & ~MOUNT_ATTR_RDONLY))
        elif one.target != "dev/shm" or not of_host:
            found.append(one)
    return tuple(found)


def _check_paths(field: str, paths: tuple[str, ...]) -> None:
    for path in paths:
        if not path.startswith(("/proc/", "/sys/")) or not {"", ".", ".."}.isdisjoint(
            path.split("/")[1:]
        ):
            raise InvalidSpec(field, f"{path!r} is neither in /proc nor in /sys")


def _plan_tmpfs(target: str, options: tuple[str, ...], base: int) -> Mount:
    """Return the mount; ids in options become the host's, and by default root inside owns it."""
    given = {"destination": target, "type": "tmpfs", "options": [*_SEALED, *options]}
    mount = parse_mount(Fields(given, "mounts"))
    data = {"uid": "0", "gid": "0"} | dict(mount.data)
    for name in ("uid", "gid"):
        data[name] = str(base + int(data[name]))
    return replace(mount, data=tuple(data.items()))


def _plan_node(wish: DeviceWish, base: int) -> Device:
    """Return a node of /dev; its path is relative to that, its ids are the host's."""
    parts = [part for part in wish.target.split("/") if part not in ("", ".")]
    if len(parts) < 2 or parts[0] != "dev" or parts[1] in TAKEN:
        raise InvalidSpec("devices.target", f"{wish.target} is no place for a device in /dev")
    return Device(
        path="/".join(parts[1:]),
        mode=KINDS[wish.kind or "p"] | (0o666 if wish.mode is None else wish.mode),
        major=wish.major,
        minor=wish.minor,
        uid=base + (wish.uid or 0),
        gid=base + (wish.gid or 0),
    )


def _outside(name: str, value: str, base: int) -> str:
    """Return a sysctl as the host says it: the two groups of icmp(7) are the host's ids."""
    words = value.split()
    if name != _PING_GROUPS or not all(word.isdecimal() for word in words):
        return value
    return " ".join(str(base + min(int(word), ID_RANGE_SIZE - 1)) for word in words)


def _own(base: int) -> tuple[tuple[str, str], ...]:
    return (("uid", str(base)), ("gid", str(base)))


def _plan_name_files(bundle: Bundle) -> tuple[tuple[str, str], ...]:
    """Return (name below /etc, content); the own name is on loopback, as Debian has it."""
    lines = ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback"]
    own = bundle.hostname
    if bundle.domainname is not None:
        own = f"{own}.{bundle.domainname} {own}"
    lines.append(f"127.0.1.1\t{own}")
    for entry in bundle.hosts:
        name, _, address = entry.partition(":")
        lines.append(f"{address}\t{name}")
    files = [("hostname", [bundle.hostname]), ("hosts", lines)]
    if bundle.resolver:
        files.append(("resolv.conf", list(bundle.resolver)))
    return tuple((name, "".join(f"{line}\n" for line in content)) for name, content in files)


def _room(files: tuple[tuple[str, str], ...]) -> int:
    """Return the bytes that files need, which tmpfs counts in pages."""
    return _NAME_FILES_BYTES + sum(len(content.encode()) for _, content in files)


def _plan_cgroup_view(
    own: tuple[tuple[str, str], ...], view: tuple[str, ...]
) -> tuple[Filesystem, ...]:
    read_only = HARMLESS | MOUNT_ATTR_RDONLY
    if view == ("unified",):
        return (Filesystem(fstype="cgroup2", target="sys/fs/cgroup", attributes=read_only),)
    top = Filesystem(fstype="tmpfs", target="sys/fs/cgroup", options=(("mode", "755"), *own))
    return (
        top,
        *(
            Filesystem(
                fstype="cgroup",
                target=f"sys/fs/cgroup/{name}",
                options=tuple((part, "") for part in name.split(",")),
                attributes=read_only,
            )
            for name in view
        ),
    )


def _plan_reaper(process: Process, machine: str) -> Confinement:
    """Return what a first process keeps that only reaps and signals: at most CAP_KILL."""
    kept = process.confinement.permitted & capabilities.mask(("CAP_KILL",))
    usual = capabilities.mask(DEFAULT_CAPABILITIES)
    program = process.confinement.program and seccomp.default_program(machine, usual)
    return Confinement(permitted=kept, bounding=kept, no_new_privileges=True, program=program)


def _plan_process(spec: Bundle | JoinSpec, machine: str) -> Process:
    if not spec.args or not spec.args[0]:
        raise InvalidSpec("command", "is empty")
    permitted = capabilities.mask(spec.capabilities)
    program = b""
    if spec.filter_program:
        program = bytes.fromhex(spec.filter_program)
    elif spec.seccomp == "default":
        program = seccomp.default_program(machine, permitted)
    elif spec.seccomp != "unconfined":
        raise InvalidSpec("seccomp", f"{spec.seccomp!r} is neither default nor unconfined")
    return Process(
        args=spec.args,
        env={"PATH": DEFAULT_PATH} | dict(spec.env),
        cwd=spec.cwd or "/",
        user=spec.user,
        id_base=spec.id_base,
        umask=spec.umask,
        groups=spec.groups,
        rlimits=spec.rlimits,
        oom_score_adj=spec.oom_score_adj,
        personality=spec.personality,
        own=sharing.own(spec.host_namespaces),
        confinement=Confinement(
            permitted=permitted,
            bounding=capabilities.bounding(permitted, no_new_privileges=spec.no_new_privileges),
            no_new_privileges=spec.no_new_privileges,
            program=program,
            flags=spec.filter_flags,
        ),
    )
