"""What a container uses, and the processes it has: frozen types, plain data out.

None is what this host or kernel does not tell; 0 is a measured nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """CPU time since the start in nanoseconds: in all, in user mode, in the kernel.

    `periods` counts periods of the limit in which something ran, `throttled_periods` those in which
    the limit held it back, `throttled_ns` for how long. `online` CPUs has the host.
    """

    usage_ns: int | None = None
    user_ns: int | None = None
    system_ns: int | None = None
    periods: int | None = None
    throttled_periods: int | None = None
    throttled_ns: int | None = None
    online: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Memory in bytes. `working_set_bytes` is usage less the file cache that lies idle.

    `limit_bytes` None is no limit. `kernel_bytes` is what the kernel holds for it, `cache_bytes`
    cached files. `oom_kills` counts processes that were killed for lack of memory.
    """

    usage_bytes: int | None = None
    working_set_bytes: int | None = None
    limit_bytes: int | None = None
    swap_bytes: int | None = None
    kernel_bytes: int | None = None
    cache_bytes: int | None = None
    oom_kills: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pids:
    """Processes and threads together, and how many there may be; None is no limit."""

    current: int
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Bytes and operations of block devices since the start."""

    read_bytes: int = 0
    write_bytes: int = 0
    read_operations: int = 0
    write_operations: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockIo:
    """What went from and to block devices: in all, and by device, `major:minor`."""

    total: Traffic
    devices: Mapping[str, Traffic]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a network interface received and sent since it was made."""

    received_bytes: int = 0
    received_packets: int = 0
    received_errors: int = 0
    received_drops: int = 0
    sent_bytes: int = 0
    sent_packets: int = 0
    sent_errors: int = 0
    sent_drops: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What went over the network: in all but `lo`, and by interface."""

    total: Link
    interfaces: Mapping[str, Link]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Share of the time in percent, averaged over 10, 60 and 300 s, and microseconds in all."""

    avg10: float
    avg60: float
    avg300: float
    total_microseconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """Pressure stall information of one resource: while `some` or all (`full`) tasks waited.

    See Documentation/accounting/psi.rst; `full` is None where the kernel does not tell it.
    """

    some: Waiting
    full: Waiting | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """One sample of a container, taken at `time_ns` (nanoseconds since the epoch).

    `monotonic_ns` (CLOCK_MONOTONIC) is for the difference of two. `pressure` is by resource: cpu,
    memory, io.
    """

    time_ns: int
    monotonic_ns: int
    cpu: Cpu | None = None
    memory: Memory | None = None
    pids: Pids | None = None
    io: BlockIo | None = None
    network: Network | None = None
    pressure: Mapping[str, Pressure] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process of a container.

    `pid` and `parent` are its numbers inside, None where it has none there; `host_pid` and
    `host_parent` those on the node. `uid` is the user inside, `host_uid` on the node. `state` is
    the kernel's letter (proc_pid_stat(5)). `cpu_ns` is CPU time, `rss_bytes` resident memory,
    `started_ns` nanoseconds since the epoch. `command` is its command line, or its name in brackets
    where it has none: one line without control characters, of at most `COMMAND_LENGTH`.
    """

    pid: int | None
    host_pid: int
    parent: int | None
    host_parent: int
    uid: int | None
    host_uid: int
    state: str
    threads: int
    cpu_ns: int
    rss_bytes: int
    started_ns: int
    command: str

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


COMMAND_LENGTH = 1024
"""Characters of a command line that are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """The processes of a container at `time_ns`, by their numbers on the node.

    `total` is how many there were: more than are listed where there are very many.
    """

    time_ns: int
    total: int
    processes: tuple[Process, ...]
