"""What isolation executes: a spec and an image, decided into one flat, complete description."""

from __future__ import annotations

from dataclasses import dataclass, field

DEFAULT_CAPABILITIES = (
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_NET_BIND_SERVICE",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
)
"""Docker's fourteen less MKNOD (useless in a user namespace) and NET_RAW (ping works through
net.ipv4.ping_group_range)."""

MASKED_PATHS = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Kernel limits of one cgroup; None is no limit of its own.

    `memory_swap_bytes` is memory and swap together, -1 without end, None no swap; the rest of
    memory is in bytes too. `cpus` is CPUs' worth of time, counted over `cpu_period_microseconds`;
    `cpu_burst_microseconds` may be saved up. `cpu_shares` is 2 to 262,144. `cpuset_cpus` and
    `cpuset_mems` are lists such as 0-3,7. `io_weight` is 10 to 1000, `io_weights` (device, weight),
    `io_rates` (read_bps, write_bps, read_iops or write_iops; device; a second); a device is
    major:minor, or a path in /dev until `isolation.node` has looked it up. `huge_pages` are (page
    size, bytes), `unified` (file of v2, value). `oom_kill_disable` lets processes wait for memory.
    `device_rules` are (allow, kind, major, minor, access), where None is every number.
    """

    memory_bytes: int | None = None
    memory_swap_bytes: int | None = None
    memory_reservation_bytes: int | None = None
    memory_swappiness: int | None = None
    cpus: float | None = None
    cpu_period_microseconds: int = 100_000
    cpu_burst_microseconds: int | None = None
    cpu_shares: int | None = None
    cpu_idle: bool = False
    pids: int | None = None
    cpuset_cpus: str | None = None
    cpuset_mems: str | None = None
    io_weight: int | None = None
    io_weights: tuple[tuple[str, int], ...] = ()
    io_rates: tuple[tuple[str, str, int], ...] = ()
    huge_pages: tuple[tuple[str, int], ...] = ()
    unified: tuple[tuple[str, str], ...] = ()
    oom_kill_disable: bool = False
    device_rules: tuple[tuple[bool, str, int | None, int | None, str], ...] = ()


CHANGEABLE = (
    *("memory_bytes", "memory_swap_bytes", "memory_reservation_bytes", "cpus", "cpu_shares"),
    "pids",
)
"""Fields of `Resources` that a container in use can be given anew; Docker's update has them too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceWish:
    """A node in /dev at `target`: the host's `source`, or one of `kind`, `major` and `minor`.

    `permissions` are letters of read, write and mknod. None for `mode`, `uid` or `gid` is what the
    source has; ids are those inside.
    """

    target: str
    source: str | None = None
    kind: str | None = None
    major: int = 0
    minor: int = 0
    permissions: str = "rwm"
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A container ready to be launched (runtime-spec: config.md, as far as it is used here).

    `lower` are directories of unpacked layers, topmost first; `state_dir` holds `upper/` and
    `work/`. `user` is `name|uid[:name|gid]`, looked up in the root file system after the pivot.
    `id_base` is the host id of 0 inside; ids 0 to 65,535 are mapped. `cgroup` is the path below
    each controller's root (or below the v2 root), without a leading slash.
    `umask` None keeps the engine's 0o022, `groups` are names or numbers besides the user's own.
    `hosts` are NAME:ADDRESS for /etc/hosts, `resolver` lines of /etc/resolv.conf, where () keeps
    the image's. `domainname` is of setdomainname(2).
    `rlimits` are (number, soft, hard) of setrlimit(2), where 2**64-1 is no limit; `oom_score_adj`
    is of proc(5), `personality` of personality(2), `sysctls` are of the container's namespaces.
    `tmpfs` are (target, options of mount(8)), parents first; ids in them are those inside. With a
    `reaper` the command is the second process, and the first one the engine's.
    `filter_program` is a classic BPF program in hexadecimal digits, with SECCOMP_FILTER_FLAG_* bits
    `filter_flags`, in place of what `seccomp` says.
    `host_namespaces` are kinds shared with the host: pid, ipc, uts, network, cgroup, user; without
    a user namespace of its own `id_base` is 0. `shm_bytes` 0 leaves /dev/shm empty. `privileged`
    has /sys writable and every device of the host. `peer` is the id of the container whose
    `peer_namespaces` are shared: pid, ipc, uts, network.
    `ping_group_range` and the rest of the defaults are the engine's, not the image's.
    """

    id: str
    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    cwd: str
    user: str
    hostname: str
    lower: tuple[str, ...]
    state_dir: str
    id_base: int
    cgroup: str
    resources: Resources = field(default_factory=Resources)
    read_only: bool = False
    capabilities: tuple[str, ...] = DEFAULT_CAPABILITIES
    no_new_privileges: bool = True
    seccomp: str = "default"
    masked_paths: tuple[str, ...] = MASKED_PATHS
    readonly_paths: tuple[str, ...] = READONLY_PATHS
    shm_bytes: int = 64 * 1024 * 1024
    umask: int | None = None
    groups: tuple[str, ...] = ()
    domainname: str | None = None
    hosts: tuple[str, ...] = ()
    resolver: tuple[str, ...] = ()
    rlimits: tuple[tuple[int, int, int], ...] = ()
    oom_score_adj: int = 0
    personality: int | None = None
    sysctls: tuple[tuple[str, str], ...] = ()
    tmpfs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    reaper: bool = False
    filter_program: str = ""
    filter_flags: int = 0
    devices: tuple[DeviceWish, ...] = ()
    host_namespaces: tuple[str, ...] = ()
    peer: str = ""
    peer_namespaces: tuple[str, ...] = ()
    privileged: bool = False
