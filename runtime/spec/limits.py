"""How much of the machine a container may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from runtime.errors import InvalidSpec
from runtime.spec.topic import (
    TEXT_MAP,
    Topic,
    asked,
    by,
    flag,
    mapped,
    matching,
    number,
    one,
    one_of,
    several,
    text,
    whole,
)

MEMORY_FLOOR = 6 * 1024 * 1024
"""Below this not even a static shell starts (Docker's floor is the same 6 MiB)."""
DEFAULT_PIDS = 512
DEFAULT_LOG_BYTES = 10 * 1024 * 1024
DEFAULT_LOG_FILES = 3
DEFAULT_PERIOD_MICROSECONDS = 100_000
UNLIMITED = -1
ULIMITS = (
    "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile",
    "nproc", "rss", "rtprio", "rttime", "sigpending", "stack",
)  # fmt: skip
_SIZE = 1 << 62
_U64 = (1 << 64) - 1
_DEVICE = matching(
    r"[0-9]{1,10}:[0-9]{1,10}|/dev(/[A-Za-z0-9_-][A-Za-z0-9_.:-]*)+",
    "a block device such as /dev/sda or 8:0",
)
_CPU_LIST = matching(r"[0-9]{1,5}(-[0-9]{1,5})?(,[0-9]{1,5}(-[0-9]{1,5})?)*", "a list like 0-3,7")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ulimit(Topic):
    """A limit of each process: getrlimit(2), Docker Ulimits, OCI process.rlimits.

    `name` is one of `ULIMITS`, such as nofile; `soft` can be raised by the process up to `hard`. In
    the unit of getrlimit(2); -1 is without end.
    """

    PATH: ClassVar[str] = "limits.ulimits"
    name: str = field(metadata=by(one_of(*ULIMITS)))
    soft: int = field(metadata=by(whole(-1, _U64)))
    hard: int = field(metadata=by(whole(-1, _U64)))

    def validate(self) -> None:
        """Refuse a soft limit above the hard one."""
        if self.hard != UNLIMITED and (self.soft == UNLIMITED or self.soft > self.hard):
            raise InvalidSpec(self.path("soft"), f"{self.name}: is above the hard limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class IoWeight(Topic):
    """A share of one block device: Docker BlkioWeightDevice, OCI blockIO.weightDevice.

    `device` is a path in /dev or `major:minor`, `weight` 10 to 1000, `leaf_weight` the same against
    the group's own children (v1 only).
    """

    PATH: ClassVar[str] = "limits.io_weight_devices"
    device: str = field(metadata=by(_DEVICE))
    weight: int = field(metadata=by(whole(10, 1000)))
    leaf_weight: int | None = asked(whole(10, 1000))


@dataclass(frozen=True, slots=True, kw_only=True)
class IoRate(Topic):
    """A ceiling of one block device: Docker BlkioDeviceReadBps and others, OCI throttle….

    `device` is a path in /dev or `major:minor`, `rate` bytes or operations a second.
    """

    PATH: ClassVar[str] = "limits.io_rates"
    device: str = field(metadata=by(_DEVICE))
    rate: int = field(metadata=by(whole(1, _SIZE)))


@dataclass(frozen=True, slots=True, kw_only=True)
class HugePages(Topic):
    """Huge pages of one `page_size` such as 2MB, at most `limit_bytes`: OCI hugepageLimits."""

    PATH: ClassVar[str] = "limits.huge_pages"
    page_size: str = field(metadata=by(matching(r"[0-9]{1,6}[KMG]B", "a size such as 2MB")))
    limit_bytes: int = field(metadata=by(whole(0, _SIZE)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rdma(Topic):
    """At most `hca_handles` and `hca_objects` of one RDMA device: OCI rdma; None is no limit."""

    PATH: ClassVar[str] = "limits.rdma"
    hca_handles: int | None = asked(whole(0, 0xFFFF_FFFF))
    hca_objects: int | None = asked(whole(0, 0xFFFF_FFFF))


@dataclass(frozen=True, slots=True, kw_only=True)
class IntelRdt(Topic):
    """Cache and memory bandwidth of the processor: OCI linux.intelRdt, resctrl.

    `clos_id` names the class of service; `l3_cache_schema` and `memory_schema` are lines of its
    schemata; `monitor_cache` and `monitor_memory` make monitoring groups.
    """

    PATH: ClassVar[str] = "limits.intel_rdt"
    clos_id: str | None = asked(matching(r"[A-Za-z0-9_.-]{1,128}", "a plain name"))
    l3_cache_schema: str | None = asked(text)
    memory_schema: str | None = asked(text)
    monitor_cache: bool = asked(flag, default=False)
    monitor_memory: bool = asked(flag, default=False)


_RATES = several(one(IoRate))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(Topic):
    """Limits that the kernel enforces, and the log ring that the shim keeps. None is no limit.

    Memory, in bytes (memory.max and others): `memory_bytes` (Docker Memory);
    `memory_swap_bytes` memory and swap together, -1 without end, None allows no swap (MemorySwap);
    `memory_reservation_bytes` is reclaimed last under pressure (MemoryReservation, memory.low);
    `memory_swappiness` 0 to 100, v1 only (MemorySwappiness); `kernel_memory_bytes` and
    `kernel_tcp_bytes` are v1's separate accounts (KernelMemoryTCP); `oom_kill_disable` lets
    processes wait instead of dying, v1 only (OomKillDisable); `memory_use_hierarchy` and
    `memory_check_before_update` are OCI's flags of the same names.

    CPU: `cpus` CPUs' worth of time, 0.5 is half of one (NanoCpus, cpu.max); counted over
    `cpu_period_microseconds` (CpuPeriod; CpuQuota is their product); `cpu_burst_microseconds` may
    be saved up (OCI cpu.burst); `cpu_shares` 2 to 262144, 1024 is one share (CpuShares);
    `cpu_idle` takes what others leave (OCI cpu.idle); `cpu_realtime_period_microseconds` and
    `cpu_realtime_runtime_microseconds`, v1 only (CpuRealtimePeriod, CpuRealtimeRuntime);
    `cpuset_cpus` and `cpuset_mems` are lists such as 0-3,7 (CpusetCpus, CpusetMems, cpuset(7)).

    `pids` counts processes and threads together (PidsLimit, pids.max). Block devices: `io_weight`
    10 to 1000 (BlkioWeight), `io_leaf_weight` (OCI leafWeight), `io_weight_devices`,
    `io_read_bps`, `io_write_bps` bytes a second, `io_read_iops`, `io_write_iops` operations a
    second (BlkioDevice…, io.max). `ulimits` hold for each process. Others of OCI resources:
    `huge_pages`, `rdma` by device, `net_class_id`, `net_priorities` by interface, `unified` files
    of v2, `intel_rdt`. `cgroup_parent` is the group to lie in (CgroupParent).
    `log_bytes` is the size of one log segment, `log_files` how many are kept (LogConfig max-size,
    max-file).
    """

    PATH: ClassVar[str] = "limits"
    memory_bytes: int | None = asked(whole(MEMORY_FLOOR, 1 << 50))
    memory_swap_bytes: int | None = asked(whole(UNLIMITED, 1 << 51))
    memory_reservation_bytes: int | None = asked(whole(0, 1 << 50))
    memory_swappiness: int | None = asked(whole(0, 100))
    kernel_memory_bytes: int | None = asked(whole(0, 1 << 50))
    kernel_tcp_bytes: int | None = asked(whole(0, 1 << 50))
    oom_kill_disable: bool = asked(flag, default=False)
    memory_use_hierarchy: bool | None = asked(flag)
    memory_check_before_update: bool | None = asked(flag)
    cpus: float | None = asked(number(0.01, 4096))
    cpu_period_microseconds: int = asked(whole(1000, 1_000_000), DEFAULT_PERIOD_MICROSECONDS)
    cpu_burst_microseconds: int | None = asked(whole(0, 1_000_000_000))
    cpu_shares: int | None = asked(whole(2, 262_144))
    cpu_idle: bool = asked(flag, default=False)
    cpu_realtime_period_microseconds: int | None = asked(whole(0, 1_000_000_000))
    cpu_realtime_runtime_microseconds: int | None = asked(whole(0, 1_000_000_000))
    cpuset_cpus: str | None = asked(_CPU_LIST)
    cpuset_mems: str | None = asked(_CPU_LIST)
    pids: int = asked(whole(1, 4_194_304), DEFAULT_PIDS)
    io_weight: int | None = asked(whole(10, 1000))
    io_leaf_weight: int | None = asked(whole(10, 1000))
    io_weight_devices: tuple[IoWeight, ...] = asked(several(one(IoWeight)), ())
    io_read_bps: tuple[IoRate, ...] = asked(_RATES, ())
    io_write_bps: tuple[IoRate, ...] = asked(_RATES, ())
    io_read_iops: tuple[IoRate, ...] = asked(_RATES, ())
    io_write_iops: tuple[IoRate, ...] = asked(_RATES, ())
    ulimits: tuple[Ulimit, ...] = asked(several(one(Ulimit)), ())
    huge_pages: tuple[HugePages, ...] = asked(several(one(HugePages)), ())
    rdma: Mapping[str, Rdma] = asked(mapped(text, one(Rdma)), {})
    net_class_id: int | None = asked(whole(0, 0xFFFF_FFFF))
    net_priorities: Mapping[str, int] = asked(mapped(text, whole(0, 0xFFFF_FFFF)), {})
    unified: Mapping[str, str] = asked(TEXT_MAP, {})
    intel_rdt: IntelRdt | None = asked(one(IntelRdt))
    cgroup_parent: str | None = asked(text)
    log_bytes: int = asked(whole(65_536, 1 << 34), DEFAULT_LOG_BYTES)
    log_files: int = asked(whole(1, 1000), DEFAULT_LOG_FILES)

    def validate(self) -> None:
        """Refuse limits that contradict each other, and a ulimit given twice."""
        total, limit = self.memory_swap_bytes, self.memory_bytes
        if total is not None and limit is None:
            raise InvalidSpec("limits.memory_swap_bytes", "give limits.memory_bytes with it")
        if total is not None and limit is not None and UNLIMITED < total < limit:
            raise InvalidSpec(
                "limits.memory_swap_bytes",
                f"{total} is memory and swap together, so at least limits.memory_bytes ({limit})",
            )
        reserved = self.memory_reservation_bytes
        if reserved is not None and limit is not None and reserved > limit:
            raise InvalidSpec(
                "limits.memory_reservation_bytes", f"{reserved} is above memory_bytes ({limit})"
            )
        burst = self.cpu_burst_microseconds
        if burst and burst > round((self.cpus or 0) * self.cpu_period_microseconds):
            raise InvalidSpec(
                "limits.cpu_burst_microseconds", "is more than limits.cpus gives in one period"
            )
        if self.cpu_idle and self.cpu_shares is not None:
            raise InvalidSpec("limits.cpu_idle", "has no shares: leave limits.cpu_shares out")
        names = [limit.name for limit in self.ulimits]
        if len(set(names)) < len(names):
            raise InvalidSpec("limits.ulimits", "has a name twice")
