"""A paused container does nothing, whatever dies around it, and ends when it is told to."""

from __future__ import annotations

import time

import pytest

from runtime.cgroups import cgroup as cgroups
from runtime.cgroups import freezer
from runtime.errors import Conflict
from runtime.events import ContainerRecord
from runtime.shim import client
from runtime.shim.protocol import Execute
from tests.kernel.containers.conftest import Instance, replace_shim, until

pytestmark = pytest.mark.kernel

TICKER = "trap 'echo bye; exit 5' TERM; while :; do echo tick; sleep 0.02; done"


def ticks(instance: Instance, container: str) -> int:
    return instance.output(container).count(b"tick")


def ticking(instance: Instance) -> ContainerRecord:
    started = instance.run(TICKER)
    until(lambda: ticks(instance, started.id) > 2)
    return started


def stands_still(instance: Instance, container: str) -> bool:
    time.sleep(0.1)  # what is in the pipe arrives
    before = ticks(instance, container)
    time.sleep(0.3)
    return ticks(instance, container) == before


def is_frozen(instance: Instance, container: str) -> bool:
    group = cgroups.open_existing(f"{instance.site.slice}/{container}")
    try:
        assert group.unified is not None
        return freezer.is_frozen(group.unified, 2)
    finally:
        group.close()


def test_a_paused_container_prints_nothing_and_goes_on_where_it_was(instance: Instance) -> None:
    started = ticking(instance)
    instance.engine.containers.pause(started.id)
    assert stands_still(instance, started.id)
    before = ticks(instance, started.id)

    resumed = instance.engine.containers.resume(started.id)

    until(lambda: ticks(instance, started.id) > before + 2)
    assert resumed.pid == started.pid


def test_a_stop_wakes_it_to_end_gracefully(instance: Instance) -> None:
    started = ticking(instance)
    instance.engine.containers.pause(started.id)
    instance.engine.containers.stop(started.id, timeout_seconds=10)
    over = instance.engine.containers.wait(started.id, timeout_seconds=20)

    assert over.exit_code == 5
    assert instance.output(started.id).endswith(b"bye\n")


def test_a_signal_waits_until_it_is_resumed(instance: Instance) -> None:
    started = instance.run("trap 'echo got; exit 6' USR1; echo up; while :; do sleep 0.02; done")
    until(lambda: instance.output(started.id) == b"up\n")
    instance.engine.containers.pause(started.id)
    instance.engine.containers.kill(started.id, signal="SIGUSR1")
    time.sleep(0.2)
    assert instance.engine.containers.inspect(started.id).state == "paused"
    assert instance.output(started.id) == b"up\n"
    instance.engine.containers.resume(started.id)

    assert instance.engine.containers.wait(started.id, timeout_seconds=20).exit_code == 6


def test_it_stays_paused_when_its_shim_is_replaced(instance: Instance) -> None:
    started = ticking(instance)
    instance.engine.containers.pause(started.id)
    replace_shim(instance, started.id)

    assert instance.engine.containers.inspect(started.id).state == "paused"
    assert is_frozen(instance, started.id)
    assert stands_still(instance, started.id)
    before = ticks(instance, started.id)
    instance.engine.containers.resume(started.id)
    until(lambda: ticks(instance, started.id) > before)
    instance.engine.containers.stop(started.id)
    assert instance.engine.containers.wait(started.id, timeout_seconds=20).exit_code == 5


@pytest.mark.parametrize("recorded", ["running", "paused"])
def test_kernel_and_record_agree_again_after_a_shim_died_between_them(
    instance: Instance, recorded: str
) -> None:
    """As a shim leaves it that was killed after it froze or thawed, before it wrote that down."""
    started = ticking(instance)
    if recorded == "paused":
        instance.engine.containers.pause(started.id)
    group = cgroups.open_existing(f"{instance.site.slice}/{started.id}")
    if recorded == "running":
        group.freeze()
    else:
        group.thaw()
    group.close()
    replace_shim(instance, started.id)

    until(lambda: is_frozen(instance, started.id) == (recorded == "paused"))
    assert instance.engine.containers.inspect(started.id).state == recorded


def test_a_stop_cut_short_before_it_woke_the_container_is_finished(instance: Instance) -> None:
    from runtime.shim import transitions
    from runtime.state import boot

    started = ticking(instance)
    instance.engine.containers.pause(started.id)
    deadline = boot.uptime_ns() + 10_000_000_000
    instance.site.ledger(started.id).note(
        lambda state: transitions.stopping(state, "stop1", deadline)
    )
    replace_shim(instance, started.id)
    over = instance.engine.containers.wait(started.id, timeout_seconds=20)

    assert over.exit_code == 5


def test_the_shim_itself_refuses_a_process_of_a_paused_container(instance: Instance) -> None:
    """A process that is put into a frozen group would hold the shim up for ever."""
    started = ticking(instance)
    instance.engine.containers.pause(started.id)
    order = Execute(container=started.id, operation="exec1", spec={})
    with pytest.raises(Conflict, match="paused"):
        client.ask_shim(instance.config, started.id, order)
    assert instance.engine.containers.once(started.id, "exec1") is None


def test_what_is_being_stopped_cannot_be_paused(instance: Instance) -> None:
    started = instance.run("trap '' TERM; echo up; while :; do sleep 0.02; done")
    until(lambda: instance.output(started.id) == b"up\n")
    instance.engine.containers.stop(started.id, timeout_seconds=60)
    with pytest.raises(Conflict, match="being stopped"):
        instance.engine.containers.pause(started.id)
    assert not is_frozen(instance, started.id)
    instance.engine.containers.kill(started.id)
    assert instance.engine.containers.wait(started.id, timeout_seconds=20).exit_code == 137


def test_a_host_s_end_is_the_end_of_a_paused_container(instance: Instance) -> None:
    from dataclasses import replace

    started = ticking(instance)
    instance.engine.containers.pause(started.id)
    instance.engine.containers.kill(started.id)
    instance.engine.containers.wait(started.id, timeout_seconds=20)
    until(lambda: not client.shim_lives(instance.config, started.id))
    instance.site.ledger(started.id).note(
        lambda state: replace(
            state, boot="another", record=replace(state.record, state="paused", pid=1)
        )
    )

    repairs = instance.engine.containers.recover()

    assert any("had no shim" in repair for repair in repairs)
    over = instance.engine.containers.wait(started.id, timeout_seconds=20)
    assert (over.state, over.pid) == ("exited", None)
