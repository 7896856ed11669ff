"""A restart stops once and starts once, whatever dies in between; an end by others wins."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from runtime.cgroups import cgroup as cgroups
from runtime.errors import InvalidSpec
from runtime.events import ContainerEvent, ContainerRecord
from runtime.oci.bundle import Resources
from runtime.shim import client
from runtime.spec.execution import ExecSpec
from runtime.spec.namespaces import Namespaces
from runtime.state import once
from tests.kernel.containers.conftest import Instance, ended, shell, until

pytestmark = pytest.mark.kernel

POLITE = "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.02; done"
STUBBORN = "trap '' TERM; echo up; while :; do sleep 0.02; done"


def up(instance: Instance, script: str, **spec: Any) -> ContainerRecord:
    started = instance.run(script, **spec)
    until(lambda: instance.output(started.id) == b"up\n")
    return started


def events(instance: Instance, container: str) -> list[ContainerEvent]:
    waiting = (spooled.event for spooled in instance.engine.events.pending())
    return [event for event in waiting if event.record.id == container]


def named(instance: Instance, container: str) -> list[str]:
    """Return the actions that tell of the operation."""
    told = events(instance, container)
    return [event.action for event in told if event.operation == "restart1"]


def replace_shim(instance: Instance, container: str) -> None:
    shim = instance.shim(container)
    os.kill(shim, signal.SIGKILL)
    until(lambda: ended(shim))
    instance.engine.containers.recover()
    until(lambda: client.shim_lives(instance.config, container))


def state_of_mark(instance: Instance, container: str) -> str:
    mark = instance.engine.containers.once(container, "restart1")
    assert mark is not None
    return mark.state


def test_it_ends_gracefully_and_starts_again(instance: Instance) -> None:
    started = up(instance, POLITE)
    instance.engine.containers.restart(started.id, operation="restart1")
    until(lambda: instance.output(started.id) == b"up\nbye\nup\n")

    again = instance.engine.containers.inspect(started.id)
    assert again.pid not in (None, started.pid)
    assert named(instance, started.id) == ["started"]


def test_sigkill_comes_after_the_grace(instance: Instance) -> None:
    started = up(instance, STUBBORN)
    instance.engine.containers.restart(started.id, timeout_seconds=0.2, operation="restart1")
    until(lambda: instance.output(started.id) == b"up\nup\n")

    assert named(instance, started.id) == ["started"]


@pytest.mark.parametrize("again", [False, True])
def test_a_successor_shim_goes_on_with_it_and_does_it_once(instance: Instance, again: bool) -> None:
    """The engine's call is repeated too, as by whoever takes a dead worker's operation over."""
    started = up(instance, STUBBORN)
    instance.engine.containers.restart(started.id, timeout_seconds=60, operation="restart1")
    replace_shim(instance, started.id)
    if again:
        instance.engine.containers.restart(started.id, operation="restart1")
    assert state_of_mark(instance, started.id) == "begun"
    assert started.pid is not None
    os.kill(started.pid, signal.SIGKILL)
    until(lambda: named(instance, started.id) == ["started"])
    record = instance.engine.containers.inspect(started.id)
    instance.engine.containers.restart(started.id, operation="restart1")

    assert instance.engine.containers.inspect(started.id) == record
    assert [one.action for one in events(instance, started.id)].count("started") == 2
    assert state_of_mark(instance, started.id) == "done"


@pytest.mark.parametrize("verb", ["kill", "stop", "delete"])
def test_an_end_by_others_wins(instance: Instance, verb: str) -> None:
    started = up(instance, STUBBORN, restart="always")
    containers = instance.engine.containers
    containers.restart(started.id, timeout_seconds=60, operation="restart1")
    if verb == "delete":
        containers.delete(started.id, force=True)
    elif verb == "kill":
        containers.kill(started.id)
    else:
        containers.stop(started.id, timeout_seconds=0, operation="stop1")
    if verb != "delete":
        over = containers.wait(started.id, timeout_seconds=20)
        assert (over.state, over.restarting) == ("exited", False)
        assert state_of_mark(instance, started.id) == "interrupted"

    assert "started" not in named(instance, started.id)
    assert instance.engine.containers.recover() == ()


def test_what_can_no_longer_be_started_is_told_with_the_reason(instance: Instance) -> None:
    started = up(instance, STUBBORN)
    upper = f"{instance.site.directory(started.id)}/upper"
    os.makedirs(f"{upper}/bin", exist_ok=True)
    os.mknod(f"{upper}/bin/sh", 0o020000, 0)  # a whiteout of overlayfs
    instance.engine.containers.restart(started.id, timeout_seconds=0, operation="restart1")
    over = instance.engine.containers.wait(started.id, timeout_seconds=20)
    mark = instance.engine.containers.once(started.id, "restart1")
    last = events(instance, started.id)[-1]

    assert (over.state, over.exit_code, over.restarting) == ("exited", 127, False)
    assert mark is not None
    assert mark.fault is not None
    assert mark.fault["code"] == "invalid_spec"
    assert (last.action, last.operation) == ("exited", "restart1")
    assert last.result == {"fault": mark.fault}


@pytest.mark.parametrize("ran", [False, True])
def test_a_start_that_a_dead_caller_began_is_finished_and_not_repeated(
    instance: Instance, ran: bool
) -> None:
    made = instance.engine.containers.create(shell(POLITE))
    once.begin(instance.site.directory(made.id), "restart1")
    before = instance.engine.containers.start(made.id) if ran else None
    record = instance.engine.containers.restart(made.id, operation="restart1")

    assert record.state == "running"
    assert before in (None, record)
    assert state_of_mark(instance, made.id) == "done"


def test_a_restart_interrupts_the_wait_of_a_restart_policy(instance: Instance) -> None:
    started = instance.run("exit 3", restart="always")
    containers = instance.engine.containers
    until(lambda: containers.inspect(started.id).restart_count >= 4)
    until(lambda: containers.inspect(started.id).restarting)
    containers.restart(started.id, operation="restart1")

    until(lambda: named(instance, started.id) == ["started"])
    (event,) = [one for one in events(instance, started.id) if one.operation == "restart1"]
    assert event.record.restart_count == 0


def resting(instance: Instance, script: str) -> ContainerRecord:
    """A container that waits to be restarted, for long enough to do something meanwhile."""
    started = instance.run(script, restart="always")
    inspect = instance.engine.containers.inspect
    until(lambda: inspect(started.id).restart_count >= 4)
    until(lambda: inspect(started.id).restarting)
    return started


@pytest.mark.parametrize("verb", ["stop", "kill", "delete"])
def test_a_start_that_is_refused_leaves_the_waiting_container_minded(
    instance: Instance, verb: str
) -> None:
    started = resting(instance, "exit 3")
    containers = instance.engine.containers
    upper = f"{instance.site.directory(started.id)}/upper"
    os.makedirs(f"{upper}/bin", exist_ok=True)
    os.mknod(f"{upper}/bin/sh", 0o020000, 0)  # a whiteout of overlayfs
    with pytest.raises(InvalidSpec):
        containers.start(started.id)
    until(lambda: containers.inspect(started.id).exit_code == 127)
    if verb == "delete":
        containers.delete(started.id, force=True)
        assert containers.list() == []
        return
    if verb == "stop":
        containers.stop(started.id, operation="stop1")
    else:
        containers.kill(started.id)

    over = containers.wait(started.id, timeout_seconds=20)
    assert (over.state, over.restarting) == ("exited", False)
    assert containers.recover() == ()


def test_a_successor_ends_what_its_predecessor_launched_and_told_nobody_of(
    instance: Instance,
) -> None:
    started = resting(instance, "[ -e /go ] && sleep 60; exit 3")
    Path(f"{instance.site.directory(started.id)}/upper/go").touch()
    shim = instance.shim(started.id)
    os.kill(instance.zygote, signal.SIGSTOP)
    os.kill(shim, signal.SIGKILL)
    stray = subprocess.Popen(["sleep", "60"])
    try:
        cgroup = cgroups.create(f"{instance.site.slice}/{started.id}", Resources())
        cgroup.attach(stray.pid)
        cgroup.close()
        os.kill(instance.zygote, signal.SIGCONT)
        until(lambda: instance.engine.containers.inspect(started.id).state == "running")
        assert stray.poll() == -signal.SIGKILL
    finally:
        stray.kill()
        stray.wait()


def test_what_is_shared_with_the_host_stays_so_over_a_restart_and_a_dead_shim(
    instance: Instance,
) -> None:
    shared = Namespaces(user="host", uts="host", network="host")
    made = instance.run("sleep 600", namespaces=shared)
    instance.engine.containers.restart(made.id, operation="again1", timeout_seconds=0)
    until(lambda: instance.engine.containers.inspect(made.id).pid not in (made.pid, None))
    again = instance.engine.containers.inspect(made.id)
    shim = instance.shim(made.id)
    os.kill(shim, signal.SIGKILL)
    until(lambda: ended(shim))
    instance.engine.containers.recover()

    for name in ("user", "uts", "net"):
        assert os.readlink(f"/proc/{again.pid}/ns/{name}") == os.readlink(f"/proc/self/ns/{name}")
    assert os.readlink(f"/proc/{again.pid}/ns/ipc") != os.readlink("/proc/self/ns/ipc")
    instance.engine.containers.execute(
        made.id, ExecSpec(command=("sh", "-c", "exit 4")), operation="exec1"
    )
    told = instance.engine.containers
    until(lambda: getattr(told.once(made.id, "exec1"), "state", "") == "done")
    mark = told.once(made.id, "exec1")
    assert mark is not None
    assert mark.result is not None
    assert mark.result["exit_code"] == 4
