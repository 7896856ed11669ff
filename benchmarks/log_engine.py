"""The log through the engine: stored, read back, followed, and what the shim needs meanwhile."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from benchmarks.moorage import Own
from runtime.events import LogQuery
from runtime.shim import sockets
from runtime.spec.container import ContainerSpec
from runtime.spec.limits import Limits
from runtime.streams.client import open_stream
from runtime.streams.server import Conversation, ServerOptions, StreamServer

LINE_BYTES = 100
PSS_PAUSE_SECONDS = 0.02
TICK_SECONDS = 0.02
FIFO = "/tmp/ticks"
TICKER = f"mkfifo {FIFO}; exec cat {FIFO}"
"""Prints what the benchmark writes into a FIFO: so both ends read one clock."""


def flood(megabytes: int) -> str:
    """Return a script that prints so many megabytes of lines of 100 bytes."""
    line = "x" * (LINE_BYTES - 1)
    return f"yes {line} | head -c {megabytes * 1_000_000}"


@dataclass
class Memory:
    """Samples of a process's PSS in KB (proc_pid_smaps(5)), taken by a thread of its own."""

    pid: int
    samples: list[int] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Sample until `over`, or the process is gone."""
        while not self.over.wait(PSS_PAUSE_SECONDS):
            try:
                self.samples.append(pss_kb(self.pid))
            except OSError:
                return


def pss_kb(pid: int) -> int:
    """Return the memory of a process in KB, what it shares with others by its share."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def store_and_read(own: Own, megabytes: int, rounds: int) -> dict[str, Any]:
    """Return MB/s of storing and of reading back, and the shim's PSS while it stored.

    Storing is from the start of the container to its recorded end: launch and exit are within.
    """
    stored, read, memory = [], [], []
    for _ in range(rounds):
        limits = Limits(log_bytes=2 * megabytes * 1_000_000, log_files=2)
        spec = ContainerSpec(image="starter", command=("sh", "-c", flood(megabytes)), limits=limits)
        made = own.engine.containers.create(spec)
        began = time.perf_counter()
        own.engine.containers.start(made.id)
        with _remembered(own, made.id) as samples:
            own.engine.containers.wait(made.id)
            stored.append(megabytes / (time.perf_counter() - began))
        memory += samples
        read.append(megabytes / _seconds_to_read(own, made.id, megabytes))
        own.engine.containers.delete(made.id)
    return {"store_mb_s": stored, "read_mb_s": read, "shim_pss_kb": memory}


def followers(own: Own, lines: int) -> dict[str, list[float]]:
    """Return ms from a line's entering the container until a follower has it.

    By `Engine`, and through a stream server like the node agent's; the container's own `cat`, which
    passes the line on, is within.
    """
    spec = ContainerSpec(image="starter", command=("sh", "-c", TICKER))
    made = own.engine.containers.create(spec)
    started = own.engine.containers.start(made.id)
    fifo = f"/proc/{started.pid}/root{FIFO}"
    while not os.path.exists(fifo):
        time.sleep(0.01)
    try:
        with open(fifo, "wb", buffering=0) as ticks:
            direct = _ticked(lambda: _follow(own, made.id, lines), ticks.fileno(), lines)
            time.sleep(5 * TICK_SECONDS)  # the last line is on its way
            seen = own.engine.containers.logs(made.id)
            offset = max((frame.offset for frame in seen), default=0)
            streamed = _ticked(
                lambda: asyncio.run(_stream(own, made.id, lines, offset)), ticks.fileno(), lines
            )
    finally:
        own.engine.containers.delete(made.id, force=True)
    return {"engine_follow_ms": direct, "node_stream_ms": streamed}


def _seconds_to_read(own: Own, container: str, megabytes: int) -> float:
    began = time.perf_counter()
    size = sum(len(frame.data) for frame in own.engine.containers.logs(container))
    seconds = time.perf_counter() - began
    if size != megabytes * 1_000_000:
        raise RuntimeError(f"{size} bytes of {megabytes} MB came back")
    return seconds


@contextmanager
def _remembered(own: Own, container: str) -> Iterator[list[int]]:
    memory = Memory(_shim(own, container))
    thread = threading.Thread(target=memory.watch)
    thread.start()
    try:
        yield memory.samples
    finally:
        memory.over.set()
        thread.join()


def _shim(own: Own, container: str) -> int:
    """Return the pid of a container's shim (unix(7), SO_PEERCRED)."""
    with sockets.connect(own.config.container_run(container), "s", 5.0) as connection:
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int(struct.unpack("3i", credentials)[0])


def _ticked(receive: Callable[[], list[float]], fifo: int, lines: int) -> list[float]:
    """Return what `receive` found out while a thread wrote the time into the container."""
    over = threading.Event()

    def tick() -> None:
        while not over.wait(TICK_SECONDS):
            os.write(fifo, b"%d\n" % time.monotonic_ns())

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        return receive()[:lines]
    finally:
        over.set()
        thread.join()


def _ages(data: bytes) -> list[float]:
    now = time.monotonic_ns()
    return [(now - int(line)) / 1e6 for line in data.splitlines()]


def _follow(own: Own, container: str, lines: int) -> list[float]:
    found: list[float] = []
    for frame in own.engine.containers.logs(container, follow=True):
        found += _ages(frame.data)
        if len(found) >= lines:
            break
    return found


async def _stream(own: Own, container: str, lines: int, offset: int) -> list[float]:
    def serve(_: str, conversation: Conversation) -> None:
        conversation.ready()
        batches = own.engine.containers.log_batches(
            container, since=LogQuery(offset=offset), follow=True, stop=conversation.hung_up
        )
        for batch in batches:
            conversation.logs(batch)

    found: list[float] = []
    with tempfile.TemporaryDirectory(prefix="mo-bench-") as directory:
        path = f"{directory}/stream"
        server = StreamServer(ServerOptions(path=path, group=0), serve)
        server.start()
        try:
            async with open_stream(path, "any") as stream:
                async for batch in stream.log_batches():
                    for frame in batch:
                        found += _ages(frame.data)
                    if len(found) >= lines:
                        break
        finally:
            with suppress(OSError):
                await asyncio.to_thread(server.stop)
    return found
