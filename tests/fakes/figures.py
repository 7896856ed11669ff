"""Figures of containers in memory: made up, and growing as real ones do."""

from __future__ import annotations

import itertools
import time

from runtime.events import ContainerRecord
from runtime.usage import (
    BlockIo,
    Cpu,
    Link,
    Memory,
    Network,
    Pids,
    Process,
    Processes,
    Stats,
    Traffic,
)

ID_BASE = 300_000_000
USED = 9 << 20
"""Bytes of memory that a running container uses."""
_ticks = itertools.count(1)


def figures(record: ContainerRecord) -> Stats:
    """Return one sample; each has seen a tenth of a second of CPU time more than the last."""
    limits = record.spec["limits"]
    tick = next(_ticks)
    link = Link(received_bytes=1000 * tick, received_packets=tick, sent_bytes=500 * tick)
    return Stats(
        time_ns=time.time_ns(),
        monotonic_ns=time.monotonic_ns(),
        cpu=Cpu(
            usage_ns=100_000_000 * tick,
            user_ns=60_000_000 * tick,
            system_ns=40_000_000 * tick,
            periods=tick,
            throttled_periods=0,
            throttled_ns=0,
            online=2,
        ),
        memory=Memory(
            usage_bytes=USED,
            working_set_bytes=8 << 20,
            limit_bytes=limits["memory_bytes"],
            kernel_bytes=1 << 20,
            cache_bytes=2 << 20,
            oom_kills=0,
        ),
        pids=Pids(current=1, limit=limits["pids"]),
        io=BlockIo(
            total=Traffic(read_bytes=4096 * tick, read_operations=tick),
            devices={"8:0": Traffic(read_bytes=4096 * tick, read_operations=tick)},
        ),
        network=Network(total=link, interfaces={"lo": Link(), "eth0": link}),
    )


def processes(record: ContainerRecord) -> Processes:
    """Return the one process that a container in memory has."""
    now = time.time_ns()
    first = Process(
        pid=1,
        host_pid=record.pid or 0,
        parent=0,
        host_parent=1,
        uid=0,
        host_uid=ID_BASE,
        state="S",
        threads=1,
        cpu_ns=10_000_000,
        rss_bytes=1 << 20,
        started_ns=record.started_ns or now,
        command=" ".join(record.command),
    )
    return Processes(time_ns=now, total=1, processes=(first,))
