"""Containers whose disk is full: they can be ended, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from runtime.config import EngineConfig
from runtime.errors import Exhausted
from runtime.events import ContainerRecord, OnceRecord
from runtime.spec.execution import ExecSpec
from runtime.state import spool
from tests.kernel.containers.conftest import Instance, ended, until

WAITS = "trap 'exit 7' TERM; while :; do sleep 0.05; done"


class Disk:
    """A small filesystem that an instance has its data on."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._filler = f"{place}/filler"

    def fill(self) -> None:
        """Leave no room."""
        fd = os.open(self._filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            while True:
                os.write(fd, bytes(4096))
        except OSError:
            return
        finally:
            os.close(fd)

    def make_room(self) -> None:
        os.unlink(self._filler)


@pytest.fixture
def disk() -> Iterator[Disk]:
    place = f"/var/tmp/mo-e2-{os.urandom(4).hex()}"
    os.mkdir(place)
    subprocess.run(["busybox", "mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], check=True)
    yield Disk(place)
    subprocess.run(["busybox", "umount", place], check=True)
    os.rmdir(place)


@pytest.fixture
def instance(disk: Disk, layer: str) -> Iterator[Instance]:
    name = os.path.basename(disk.place)
    config = EngineConfig(data_root=f"{disk.place}/data", run_root=f"/run/{name}")
    made = Instance(config, layer)
    try:
        yield made
    finally:
        if os.path.exists(f"{disk.place}/filler"):
            disk.make_room()
        made.dispose()


def actions(instance: Instance, container: str) -> list[tuple[str, str | None]]:
    pending = [one.event for one in spool.pending(instance.config.spool)]
    return [(one.action, one.operation) for one in pending if one.record.id == container]


def mark(instance: Instance, container: str, operation: str) -> OnceRecord:
    found = instance.engine.containers.once(container, operation)
    assert found is not None
    return found


def running(instance: Instance, script: str = WAITS) -> tuple[ContainerRecord, int, int]:
    """A container that its policy would restart; its first process and its shim."""
    started = instance.run(script, restart="always")
    assert started.pid is not None
    return started, started.pid, instance.shim(started.id)


@pytest.mark.parametrize("verb", ["stop", "kill", "kill once"])
def test_a_container_is_ended_on_a_full_disk(instance: Instance, disk: Disk, verb: str) -> None:
    started, first, shim = running(instance)
    containers = instance.engine.containers
    disk.fill()
    if verb == "stop":
        containers.stop(started.id, operation="one")
    else:
        operation = "one" if verb == "kill once" else None
        containers.kill(started.id, signal="KILL", operation=operation)
    until(lambda: ended(first))
    assert not ended(shim)
    disk.make_room()

    over = containers.wait(started.id, timeout_seconds=20)
    assert over.exit_code == (7 if verb == "stop" else 137)
    assert over.restart_count == 0
    told = actions(instance, started.id)
    assert told[-1] == ("exited", "one" if verb == "stop" else None)
    assert verb == "stop" or ("killed", operation) in told
    if verb == "kill once":
        assert mark(instance, started.id, "one").state == "done"


def test_what_was_not_done_yet_is_refused_on_a_full_disk(instance: Instance, disk: Disk) -> None:
    started, first, shim = running(instance)
    containers = instance.engine.containers
    disk.fill()
    with pytest.raises(Exhausted, match="full"):
        containers.pause(started.id)
    with pytest.raises(Exhausted, match="full"):
        containers.restart(started.id, operation="restart1")
    with pytest.raises(Exhausted, match="full"):
        containers.kill(started.id, signal="HUP", operation="hup1")
    with pytest.raises(Exhausted, match="full"):
        containers.execute(started.id, ExecSpec(command=("true",)), operation="exec1")
    assert containers.inspect(started.id).state == "running"
    assert not ended(first)
    assert instance.shim(started.id) == shim
    disk.make_room()

    containers.execute(started.id, ExecSpec(command=("true",)), operation="exec1")
    containers.restart(started.id, operation="restart1")
    until(lambda: ("started", "restart1") in actions(instance, started.id))
    assert instance.shim(started.id) == shim


def test_a_start_is_refused_on_a_full_disk(instance: Instance, disk: Disk) -> None:
    started = instance.run("exit 3")
    containers = instance.engine.containers
    containers.wait(started.id, timeout_seconds=20)
    before = actions(instance, started.id)
    for _ in range(3):  # what a start takes away makes a little room
        disk.fill()
        with pytest.raises(Exhausted, match="full"):
            containers.start(started.id)
    assert actions(instance, started.id) == before
    disk.make_room()
    containers.start(started.id)
    assert containers.wait(started.id, timeout_seconds=20).exit_code == 3


def test_an_execution_that_ends_on_a_full_disk_is_told_when_there_is_room(
    instance: Instance, disk: Disk
) -> None:
    started, _, shim = running(instance)
    containers = instance.engine.containers
    spec = ExecSpec(command=("sh", "-c", "sleep 1; echo out"))
    containers.execute(started.id, spec, operation="exec1")
    disk.fill()
    until(lambda: children(shim) == 1)
    assert not ended(shim)
    disk.make_room()

    until(lambda: ("exec-finished", "exec1") in actions(instance, started.id))
    result = mark(instance, started.id, "exec1").result
    assert result is not None
    assert result["stdout"] == "out\n"
    assert instance.shim(started.id) == shim


def children(pid: int) -> int:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return len(file.read().split())


def test_a_successor_minds_a_container_on_a_full_disk(instance: Instance, disk: Disk) -> None:
    started, first, shim = running(instance)
    containers = instance.engine.containers
    containers.execute(started.id, ExecSpec(command=("sleep", "60")), operation="exec1")
    disk.fill()
    os.kill(shim, signal.SIGKILL)
    until(lambda: ended(shim))
    containers.kill(started.id, signal="KILL", operation="one")
    until(lambda: ended(first))
    disk.make_room()

    assert containers.wait(started.id, timeout_seconds=20).exit_code == 137
    assert mark(instance, started.id, "exec1").state == "interrupted"
    assert actions(instance, started.id)[-3:] == [
        ("exec-finished", "exec1"),
        ("killed", "one"),
        ("exited", None),
    ]
