"""Kills: whatever dies, containers go on, no line and no exit code is lost."""

from __future__ import annotations

import os
import platform
import resource
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime.errors import Interrupted
from runtime.events import ContainerRecord
from runtime.spec.execution import ExecSpec
from tests.kernel.containers.conftest import Instance, an_instance, ended, shell, until

COUNT = "n=0; while [ $n -lt %d ]; do n=$((n+1)); echo line $n; sleep 0.01; done; exit %d"


def expected(lines: int) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(1, lines + 1))


def test_killing_the_zygote_harms_no_container(instance: Instance) -> None:
    started = [instance.run(COUNT % (600, 40 + number)) for number in range(10)]
    zygote = instance.zygote
    os.kill(zygote, signal.SIGKILL)
    until(lambda: ended(zygote))
    again = instance.reopen()
    alive = [again.containers.inspect(record.id) for record in started]
    late = again.containers.start(again.containers.create(shell("echo late")).id)

    assert [record.pid for record in alive] == [record.pid for record in started]
    assert instance.zygote != zygote
    for number, record in enumerate(started):
        ended_record = again.containers.wait(record.id, timeout_seconds=60)
        assert ended_record.exit_code == 40 + number
        assert instance.output(record.id) == expected(600)
    assert again.containers.wait(late.id, timeout_seconds=10).exit_code == 0


def test_killing_a_shim_loses_neither_line_nor_code(instance: Instance) -> None:
    started = instance.run(COUNT % (200, 43))
    shims = set()
    for _ in range(3):
        time.sleep(0.3)
        shim = instance.shim(started.id)
        shims.add(shim)
        os.kill(shim, signal.SIGKILL)
        until(lambda shim=shim: successor(instance, started.id, shim))  # type: ignore[misc]
    over = instance.engine.containers.wait(started.id, timeout_seconds=30)

    assert len(shims) == 3
    assert over.exit_code == 43
    assert over.pid is None
    assert instance.output(started.id) == expected(200)


def test_a_spare_shim_takes_the_next_container_and_is_replaced(instance: Instance) -> None:
    first = instance.run("sleep 100")
    until(lambda: len(others(instance, first.id)) == 1)
    spare = others(instance, first.id)

    second = instance.run("sleep 100")

    assert {instance.shim(second.id)} == spare
    until(lambda: len(others(instance, first.id, second.id)) == 1)
    for next_spare in others(instance, first.id, second.id):
        os.kill(next_spare, signal.SIGKILL)
    until(lambda: not others(instance, first.id, second.id))
    third = instance.run("echo third")
    assert instance.engine.containers.wait(third.id, timeout_seconds=10).exit_code == 0
    assert instance.output(third.id) == b"third\n"


def test_a_spare_shim_has_namespaces_ready_for_the_team_that_started_last(
    instance: Instance,
) -> None:
    first = instance.run("sleep 100", id_range=262_144)
    until(lambda: made_ahead(instance, first.id) is not None)
    ready = made_ahead(instance, first.id)

    second = instance.run("sleep 100", id_range=262_144)
    until(lambda: made_ahead(instance, first.id, second.id) is not None)
    unfit = made_ahead(instance, first.id, second.id)
    third = instance.run("sleep 100", id_range=327_680)

    assert network_of(second) == ready
    assert network_of(third) not in (None, unfit, network_of(first), ready)
    assert ids_of(second) == 262_144
    assert ids_of(third) == 327_680


def made_ahead(instance: Instance, *minded: str) -> int | None:
    """Return the network namespace that the spare shim holds open, by its inode."""
    for pid in others(instance, *minded):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = os.readlink(link)
            except FileNotFoundError:
                continue
            if target.startswith("net:["):
                return int(target[5:-1])
    return None


def network_of(record: ContainerRecord) -> int:
    """Return the network namespace of a container, by its inode."""
    return os.stat(f"/proc/{record.pid}/ns/net").st_ino


def ids_of(record: ContainerRecord) -> int:
    """Return the host's id of 0 in a container."""
    return int(Path(f"/proc/{record.pid}/uid_map").read_text().split()[1])


def others(instance: Instance, *minded: str) -> set[int]:
    """Return the zygote's children that mind none of these containers."""
    children = Path(f"/proc/{instance.zygote}/task/{instance.zygote}/children").read_text()
    return {int(pid) for pid in children.split()} - {instance.shim(one) for one in minded}


def successor(instance: Instance, container: str, old: int) -> bool:
    try:
        return instance.shim(container) != old
    except OSError:
        return False


def test_a_container_that_ends_while_its_shim_is_dead_keeps_its_code(instance: Instance) -> None:
    started = instance.run("echo first; sleep 0.3; echo last; exit 44")
    shim = instance.shim(started.id)
    os.kill(instance.zygote, signal.SIGSTOP)
    os.kill(shim, signal.SIGKILL)
    time.sleep(0.6)
    os.kill(instance.zygote, signal.SIGCONT)
    over = instance.engine.containers.wait(started.id, timeout_seconds=20)

    assert over.exit_code == 44
    assert instance.output(started.id) == b"first\nlast\n"


def test_a_new_zygote_gets_copies_from_old_shims(instance: Instance) -> None:
    started = instance.run(COUNT % (150, 45))
    os.kill(instance.zygote, signal.SIGKILL)
    instance.reopen()
    time.sleep(0.3)
    os.kill(instance.shim(started.id), signal.SIGKILL)
    over = instance.engine.containers.wait(started.id, timeout_seconds=30)

    assert instance.output(started.id) == expected(150)
    assert_code(over, 45)


def test_zygote_and_shim_both_killed_leave_a_record_that_is_repaired(instance: Instance) -> None:
    started = instance.run("sleep 0.5; exit 46")
    shim, zygote = instance.shim(started.id), instance.zygote
    os.kill(zygote, signal.SIGKILL)
    os.kill(shim, signal.SIGKILL)
    until(lambda: ended(zygote) and ended(shim))
    again = instance.reopen()
    repaired = again.containers.recover()
    over = again.containers.wait(started.id, timeout_seconds=20)

    assert repaired == (f"container {started.id} had no shim",)
    assert_code(over, 46)
    assert again.containers.recover() == ()


def assert_code(over: ContainerRecord, code: int) -> None:
    """A stranger reaped it: from Linux 6.15 the kernel still knows how it ended."""
    version = tuple(int(part) for part in platform.release().split(".")[:2])
    if version >= (6, 15):
        assert over.exit_code == code
    else:
        assert over.exit_code is None
        assert over.error


def test_a_stop_outlives_its_shim(instance: Instance) -> None:
    started = instance.run("trap '' TERM; echo ready; while :; do sleep 0.1; done")
    until(lambda: instance.output(started.id) == b"ready\n")
    instance.engine.containers.stop(started.id, timeout_seconds=1, operation="op1")
    os.kill(instance.shim(started.id), signal.SIGKILL)
    over = instance.engine.containers.wait(started.id, timeout_seconds=20)
    last = [spooled.event for spooled in instance.engine.events.pending()][-1]

    assert over.exit_code == 137
    assert (last.action, last.operation) == ("exited", "op1")


def test_a_restart_outlives_its_shim(instance: Instance) -> None:
    started = instance.run("echo try; exit 1", restart="on-failure", restart_retries=4)
    until(lambda: instance.engine.containers.inspect(started.id).restarting)
    os.kill(instance.shim(started.id), signal.SIGKILL)
    over = instance.engine.containers.wait(started.id, timeout_seconds=30)

    assert over.restart_count == 4
    assert instance.output(started.id) == b"try\n" * 5


def test_an_exec_whose_shim_dies_is_never_begun_again(instance: Instance) -> None:
    started = instance.run("sleep 60")
    spec = ExecSpec(command=("sh", "-c", "echo x >> /effect; sleep 30"))
    instance.engine.containers.execute(started.id, spec, operation="op1")
    effect = f"{instance.config.container_data(started.id)}/upper/effect"
    until(lambda: os.path.exists(effect))
    shim = instance.shim(started.id)
    os.kill(shim, signal.SIGKILL)
    until(lambda: successor(instance, started.id, shim))

    def interrupted() -> bool:
        mark = instance.engine.containers.once(started.id, "op1")
        return mark is not None and mark.state == "interrupted"

    until(interrupted)

    def told() -> list[tuple[str, object]]:
        pending = [one.event for one in instance.engine.events.pending()]
        return [(event.action, event.result) for event in pending if event.operation == "op1"]

    until(lambda: told() != [])  # the mark comes first
    assert told() == [("exec-finished", None)]
    with pytest.raises(Interrupted):
        instance.engine.containers.execute(started.id, spec, operation="op1")
    with open(effect, encoding="ascii") as file:
        assert file.read() == "x\n"


def test_two_instances_leave_each_other_alone(layer: str) -> None:
    with an_instance(layer) as first, an_instance(layer) as second:
        running = first.run("sleep 60")
        assert second.engine.containers.recover() == ()
        assert second.engine.containers.list() == []
        assert first.engine.instance != second.engine.instance
        second.run("sleep 60")
        assert first.engine.containers.recover() == ()
        assert first.engine.containers.inspect(running.id) == running


def test_a_shim_of_a_deleted_container_leaves(instance: Instance) -> None:
    made = instance.run("exit 0")
    containers = instance.engine.containers
    containers.wait(made.id, timeout_seconds=20)
    containers.delete(made.id)
    log = Path(f"{instance.config.run}/zygote.log")
    before = log.read_text()
    instance.site.zygote.repair(made.id)  # whoever asked found it running, and was late
    second = instance.run("sleep 60")  # the zygote has heard of the first one's end by now

    until(lambda: f"{instance.shim(second.id)}" in children(instance.zygote))
    until(lambda: len(children(instance.zygote)) <= 2)  # with the spare one
    assert log.read_text() == before
    assert not os.path.exists(instance.config.container_run(made.id))


def test_a_zygote_without_descriptors_lives_and_serves_again(instance: Instance) -> None:
    zygote = instance.zygote
    started = instance.run("sleep 60")
    limits = resource.prlimit(zygote, resource.RLIMIT_NOFILE)
    resource.prlimit(zygote, resource.RLIMIT_NOFILE, (4, limits[1]))
    made = instance.engine.containers.create(shell("exit 9"))
    with ThreadPoolExecutor(1) as pool:
        try:
            start = pool.submit(instance.engine.containers.start, made.id)
            before = ticks(zygote)
            time.sleep(1.0)
            assert ticks(zygote) - before < 20
        finally:
            resource.prlimit(zygote, resource.RLIMIT_NOFILE, limits)
        start.result(timeout=30)
    assert instance.engine.containers.wait(made.id, timeout_seconds=20).exit_code == 9
    assert instance.zygote == zygote
    assert instance.engine.containers.inspect(started.id).state == "running"


def ticks(pid: int) -> int:
    """The processor time that a process has used, in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
