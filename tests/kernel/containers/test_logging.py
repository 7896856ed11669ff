"""Output of real containers: floods, endless lines, several readers, a disk without room."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runtime.config import EngineConfig
from runtime.events import LogFrame, LogQuery
from runtime.spec.limits import Limits
from tests.conftest import Counts
from tests.kernel.containers.conftest import Instance, ended, shell, until

MEGABYTE = 1 << 20


@contextmanager
def small_disk(path: str, size: int) -> Iterator[None]:
    """A file system of `size` bytes at `path` (tmpfs(5))."""
    os.makedirs(path, exist_ok=True)
    options = f"size={size},mode=0711"
    subprocess.run(["busybox", "mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["busybox", "umount", "-l", path], check=True)


def fill(path: str) -> None:
    """Write a file until there is no room for a byte more."""
    with open(path, "wb", buffering=0) as file:
        for size in (65_536, 4096, 1):
            with suppress(OSError):  # ENOSPC
                while file.write(b"x" * size) == size:
                    continue


def pss_kb(pid: int) -> int:
    """Kilobytes of a process, shared ones by their share (proc_pid_smaps(5))."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise AssertionError("the kernel tells nothing")


def text(frames: list[LogFrame]) -> bytes:
    return b"".join(frame.data for frame in frames)


def test_a_full_disk_stops_no_container_and_the_gap_is_told(instance: Instance) -> None:
    counted = b"".join(b"%d\n" % number for number in range(1, 200_001))
    script = (
        "trap 'echo after; exit 0' TERM; seq 1 200000; echo > /tmp/printed; "
        "while :; do sleep 0.05; done"
    )
    made = instance.engine.containers.create(shell(script))
    logs = f"{instance.config.container_data(made.id)}/logs"
    with small_disk(logs, MEGABYTE):
        Path(f"{logs}/filler").write_bytes(b"x" * (700 << 10))
        started = instance.engine.containers.start(made.id)
        inside = f"/proc/{started.pid}/root"
        until(lambda: os.path.exists(f"{inside}/tmp/printed"))
        os.unlink(f"{logs}/filler")
        os.kill(started.pid or 0, signal.SIGTERM)
        exited = instance.engine.containers.wait(made.id, timeout_seconds=20)
        frames = list(instance.engine.containers.logs(made.id))

    assert exited.exit_code == 0
    lost = sum(frame.gap for frame in frames)
    assert 0 < lost < len(counted)
    assert lost + len(text(frames)) == len(counted) + 6 == frames[-1].offset
    assert text(frames).startswith(counted[:100_000])
    assert frames[-1].data.endswith(b"after\n")


def test_an_exit_code_waits_for_room_on_a_full_disk(layer: str) -> None:
    name = f"mo-e2-{os.urandom(4).hex()}"
    disk = f"/var/tmp/{name}"
    with small_disk(disk, 4 * MEGABYTE):
        instance = Instance(EngineConfig(data_root=f"{disk}/data", run_root=f"/run/{name}"), layer)
        try:
            made = instance.run(
                "trap 'exit 7' TERM; echo > /tmp/ready; while :; do sleep 0.05; done"
            )
            shim = instance.shim(made.id)
            inside = f"/proc/{made.pid}/root"
            until(lambda: os.path.exists(f"{inside}/tmp/ready"))
            fill(f"{disk}/filler")
            os.kill(made.pid or 0, signal.SIGTERM)
            until(lambda: ended(made.pid or 0))
            time.sleep(1.0)
            waiting = instance.engine.containers.inspect(made.id)
            assert not ended(shim)
            os.unlink(f"{disk}/filler")
            exited = instance.engine.containers.wait(made.id, timeout_seconds=20)
        finally:
            Path(f"{disk}/filler").unlink(missing_ok=True)
            instance.dispose()
    os.rmdir(disk)

    assert waiting.state == "running"
    assert (exited.state, exited.exit_code) == ("exited", 7)


def test_several_followers_each_get_all_of_it(instance: Instance) -> None:
    made = instance.engine.containers.create(shell("seq 1 100000; sleep 0.3; echo end"))
    got: list[list[LogFrame]] = []
    readers = [
        threading.Thread(
            target=lambda: got.append(list(instance.engine.containers.logs(made.id, follow=True)))
        )
        for _ in range(5)
    ]
    instance.engine.containers.start(made.id)
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(30)

    expected = b"".join(b"%d\n" % number for number in range(1, 100_001)) + b"end\n"
    assert len(got) == 5
    assert all(text(frames) == expected for frames in got)


def test_output_without_a_newline_costs_no_memory(instance: Instance, counts: Counts) -> None:
    megabytes = counts(48, full=1024)
    limits = Limits(log_bytes=4 * MEGABYTE, log_files=2, pids=64)
    instance.run("sleep 120")  # what zygote and shims share counts for each in part
    made = instance.run(
        f"dd if=/dev/zero bs=1048576 count={megabytes} 2>/dev/null; sleep 1", limits=limits
    )
    shim, samples = instance.shim(made.id), []
    deadline = time.monotonic() + 120
    with_all = 0
    while not ended(made.pid or 0):
        assert time.monotonic() < deadline
        samples.append(pss_kb(shim))
        time.sleep(0.01)
    frames = instance.engine.containers.log_batches(made.id)
    for batch in frames:
        with_all = batch[-1].offset

    assert with_all == megabytes * MEGABYTE
    assert max(samples) < 8 << 10
    logs = f"{instance.config.container_data(made.id)}/logs"
    assert sum(entry.stat().st_size for entry in os.scandir(logs)) < 10 * MEGABYTE


def test_a_tail_ends_though_the_container_prints_faster_than_it_is_read(instance: Instance) -> None:
    started = instance.run("while :; do echo line; done")
    until(lambda: len(instance.output(started.id)) > 1000)
    read = b""
    frames = instance.engine.containers.logs(started.id, since=LogQuery(tail=5))
    for number, frame in enumerate(frames):
        read += frame.data
        assert number < 50
        time.sleep(0.05)
    assert 4 <= read.count(b"line\n") <= 200
