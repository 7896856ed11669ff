"""New limits hold at once and after each restart, whatever dies in between; all of them or none."""

from __future__ import annotations

import os
import signal

import pytest

from runtime.cgroups import cgroup as cgroups
from runtime.cgroups import files
from runtime.cgroups.change import change
from runtime.errors import Conflict, InvalidSpec
from runtime.oci.bundle import Resources
from runtime.shim import client, transitions
from runtime.spec.amendment import Amendment
from runtime.spec.limits import Limits
from runtime.state import once
from tests.kernel.containers.conftest import Instance, ended, until

pytestmark = pytest.mark.kernel

MIB = 1 << 20
HELD = Limits(pids=64, memory_bytes=64 * MIB, cpus=1.0)


def wish(**limits: object) -> Amendment:
    return Amendment.from_json({"limits": limits})


def policy(name: str, retries: int = 0) -> Amendment:
    return Amendment.from_json({"restart": {"policy": name, "retries": retries}})


def held(instance: Instance, container: str) -> dict[str, int | str]:
    """Return what the kernel holds for a container: memory, swap with it, pids, CPU quota."""
    group = cgroups.open_existing(f"{instance.site.slice}/{container}")
    try:
        names = {
            "memory": {1: "memory.limit_in_bytes", 2: "memory.max"},
            "pids": {1: "pids.max", 2: "pids.max"},
            "cpu": {1: "cpu.cfs_quota_us", 2: "cpu.max"},
        }
        found: dict[str, int | str] = {}
        for controller, by_version in names.items():
            place = group.group(controller)
            assert place is not None
            text = files.read(f"{place.directory}/{by_version[place.tree.version]}")
            found[controller] = int(word) if (word := text.split()[0]).isdecimal() else word
        return found
    finally:
        group.close()


def replace_shim(instance: Instance, container: str) -> None:
    shim = instance.shim(container)
    os.kill(shim, signal.SIGKILL)
    until(lambda: ended(shim))
    instance.engine.containers.recover()
    until(lambda: client.shim_lives(instance.config, container))


def test_the_kernel_holds_new_limits_at_once(instance: Instance) -> None:
    started = instance.run("sleep 60", limits=HELD)
    assert held(instance, started.id) == {"memory": 64 * MIB, "pids": 64, "cpu": 100_000}

    instance.engine.containers.update(
        started.id, wish(memory_bytes=96 * MIB, pids=9, cpus=0.25), operation="op1"
    )
    assert held(instance, started.id) == {"memory": 96 * MIB, "pids": 9, "cpu": 25_000}

    instance.engine.containers.update(started.id, wish(memory_bytes=32 * MIB), operation="op2")
    assert held(instance, started.id)["memory"] == 32 * MIB
    assert instance.engine.containers.inspect(started.id).pid == started.pid


def test_a_limit_is_taken_away(instance: Instance) -> None:
    started = instance.run("sleep 60", limits=HELD)
    instance.engine.containers.update(
        started.id, wish(memory_bytes=None, cpus=None), operation="op1"
    )

    memory = instance.engine.containers.stats(started.id).memory
    assert memory is not None
    assert memory.limit_bytes is None
    assert held(instance, started.id)["cpu"] in ("max", "-1")


def test_each_later_run_has_them_too(instance: Instance) -> None:
    started = instance.run("sleep 60", limits=HELD)
    instance.engine.containers.update(started.id, wish(pids=7), operation="op1")
    instance.engine.containers.restart(started.id, timeout_seconds=0, operation="op2")
    until(lambda: instance.engine.containers.inspect(started.id).pid not in (None, started.pid))
    assert held(instance, started.id)["pids"] == 7

    instance.engine.containers.kill(started.id)
    instance.engine.containers.wait(started.id, timeout_seconds=20)
    instance.engine.containers.update(started.id, wish(pids=8), operation="op3")
    instance.engine.containers.start(started.id)
    assert held(instance, started.id)["pids"] == 8


def test_memory_in_use_is_not_taken_and_no_other_limit_changes(instance: Instance) -> None:
    script = (
        "x=$(dd if=/dev/zero bs=1000000 count=20 2>/dev/null | tr '\\0' x); echo up; sleep 60; :"
    )
    started = instance.run(script, limits=Limits(pids=64, memory_bytes=256 * MIB))
    until(lambda: instance.output(started.id) == b"up\n", 30)
    before = held(instance, started.id)
    with pytest.raises(Conflict, match="bytes of memory"):
        instance.engine.containers.update(
            started.id, wish(memory_bytes=6 * MIB, pids=7, cpus=0.5), operation="op1"
        )

    assert held(instance, started.id) == before
    assert instance.engine.containers.inspect(started.id) == started
    assert not instance.engine.containers.stats(started.id).memory.oom_kills  # type: ignore[union-attr]


def test_a_policy_that_changes_while_it_runs_decides_its_end(instance: Instance) -> None:
    started = instance.run("echo up; sleep 60")
    instance.engine.containers.update(started.id, policy("on-failure", 1), operation="op1")
    os.kill(started.pid or 0, signal.SIGKILL)
    until(lambda: instance.output(started.id) == b"up\nup\n")
    again = instance.engine.containers.inspect(started.id)
    instance.engine.containers.update(started.id, policy("no"), operation="op2")
    os.kill(again.pid or 0, signal.SIGKILL)
    over = instance.engine.containers.wait(started.id, timeout_seconds=20)

    assert (over.state, over.restarting) == ("exited", False)


def test_a_shim_that_died_before_the_record_leaves_nothing_changed(instance: Instance) -> None:
    """As one that was killed between the kernel and the record: the successor goes back."""
    started = instance.run("sleep 60", limits=HELD)
    group = cgroups.open_existing(f"{instance.site.slice}/{started.id}")
    change(
        group,
        Resources(pids=64, memory_bytes=64 * MIB, cpus=1.0),
        Resources(pids=3, memory_bytes=128 * MIB, cpus=0.5),
    )
    group.close()
    replace_shim(instance, started.id)

    until(lambda: held(instance, started.id)["pids"] == 64)
    assert held(instance, started.id) == {"memory": 64 * MIB, "pids": 64, "cpu": 100_000}
    instance.engine.containers.update(started.id, wish(pids=3), operation="op1")
    assert held(instance, started.id)["pids"] == 3


def test_a_shim_that_died_after_the_record_has_changed_it(instance: Instance) -> None:
    started = instance.run("sleep 60", limits=HELD)
    limits = {**started.spec["limits"], "pids": 5}
    instance.site.ledger(started.id).note(
        lambda state: transitions.updated(state, {"limits": limits}, "op1")
    )
    replace_shim(instance, started.id)
    until(lambda: held(instance, started.id)["pids"] == 5)

    before = instance.engine.containers.inspect(started.id)
    again = instance.engine.containers.update(started.id, wish(pids=5), operation="op1")

    assert again == before
    mark = once.load(instance.site.directory(started.id), "op1")
    assert mark is not None
    assert mark.state == "done"


def test_its_shim_goes_on_with_new_limits_when_it_is_replaced(instance: Instance) -> None:
    started = instance.run("sleep 60", limits=HELD)
    instance.engine.containers.update(started.id, wish(pids=6), operation="op1")
    replace_shim(instance, started.id)
    instance.engine.containers.restart(started.id, timeout_seconds=0, operation="op2")
    until(lambda: instance.engine.containers.inspect(started.id).pid not in (None, started.pid))

    assert held(instance, started.id)["pids"] == 6


def test_what_this_host_cannot_hold_is_refused_before_anything_is_done(instance: Instance) -> None:
    started = instance.run("sleep 60", limits=HELD)
    with pytest.raises(InvalidSpec):
        instance.engine.containers.update(
            started.id, wish(cpuset_cpus="0", pids=5), operation="op1"
        )

    assert held(instance, started.id)["pids"] == 64
    assert instance.engine.containers.once(started.id, "op1") is None
