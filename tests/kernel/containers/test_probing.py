"""Health checks in real containers: what a probe is, what ends it, and what it survives."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from runtime.cgroups import cgroup as cgroups
from runtime.events import ContainerRecord, HealthRecord
from runtime.spec.amendment import Amendment
from runtime.spec.health import Health
from tests.kernel.containers.conftest import Instance, ended, replace_shim, until

pytestmark = pytest.mark.kernel

OFTEN = {"interval_seconds": 0.1, "start_interval_seconds": 0.1}


def checked(script: str, **wishes: Any) -> Health:
    return Health.from_json({"test": ["CMD-SHELL", script], **OFTEN, **wishes})


def health(instance: Instance, container: str) -> HealthRecord:
    found = instance.engine.containers.inspect(container).health
    assert found is not None
    return found


def sleeping(instance: Instance, check: Health, **spec: Any) -> ContainerRecord:
    return instance.run("sleep 1000", health=check, **spec)


def inside(instance: Instance, container: str) -> set[int]:
    """Return the processes of a container besides its first, on the host."""
    first = instance.engine.containers.inspect(container).pid
    group = cgroups.open_existing(f"{instance.site.slice}/{container}")
    try:
        return {pid for pid in group.pids() if not ended(pid)} - {first}
    finally:
        group.close()


def effect(instance: Instance, container: str, name: str) -> str:
    """Return what a probe has written to a file in the container's root."""
    path = Path(f"{instance.config.container_data(container)}/upper/{name}")
    return path.read_text() if path.exists() else ""


def actions(instance: Instance) -> list[str]:
    return [one.event.action for one in instance.engine.events.pending()]


def test_a_probe_is_a_process_of_the_container(instance: Instance) -> None:
    check = checked("id -u; hostname; echo $MOOD; echo oops >&2")
    started = sleeping(instance, check, user="bob", hostname="boat", env={"MOOD": "fine"})
    until(lambda: health(instance, started.id).status == "healthy")

    assert health(instance, started.id).log[0].output == "1000\nboat\nfine\noops\n"


def test_its_output_is_none_of_the_container_s(instance: Instance) -> None:
    started = instance.run("echo mine; sleep 1000", health=checked("echo probed"))
    until(lambda: health(instance, started.id).status == "healthy")

    assert instance.output(started.id) == b"mine\n"


def test_a_long_output_is_read_to_its_end_and_its_beginning_kept(instance: Instance) -> None:
    started = sleeping(instance, checked("seq 100000"))
    until(lambda: health(instance, started.id).status == "healthy")
    result = health(instance, started.id).log[0]

    assert result.exit_code == 0
    assert len(result.output) == 4096
    assert result.output.startswith("1\n2\n3\n")


def test_what_takes_too_long_is_killed_with_all_that_it_began(instance: Instance) -> None:
    check = checked("sleep 1000 & sleep 1000 & wait", timeout_seconds=1, retries=1)
    started = sleeping(instance, check)
    until(lambda: len(inside(instance, started.id)) >= 3)
    seen = inside(instance, started.id)
    until(lambda: health(instance, started.id).status == "unhealthy")
    until(lambda: all(ended(pid) for pid in seen))

    assert health(instance, started.id).log[0].exit_code is None
    assert instance.engine.containers.inspect(started.id).state == "running"


def test_there_are_never_two_probes_at_once(instance: Instance) -> None:
    started = sleeping(instance, checked("echo x >> /begun; sleep 1000", timeout_seconds=0.15))
    most = 0
    deadline = time.monotonic() + 20
    while effect(instance, started.id, "begun").count("x") < 5:
        assert time.monotonic() < deadline, "waited in vain"
        most = max(most, sum(is_probe(pid) for pid in inside(instance, started.id)))

    assert most == 1


def is_probe(pid: int) -> bool:
    """Say whether a process leads a group: its set-up is over."""
    try:
        return os.getpgid(pid) == pid
    except ProcessLookupError:
        return False


def test_a_paused_container_is_not_probed(instance: Instance) -> None:
    started = sleeping(instance, checked("echo x >> /begun; sleep 0.05", retries=1))
    until(lambda: health(instance, started.id).status == "healthy")
    instance.engine.containers.pause(started.id)
    before = effect(instance, started.id, "begun")
    time.sleep(0.5)
    assert effect(instance, started.id, "begun") == before
    instance.engine.containers.resume(started.id)
    until(lambda: effect(instance, started.id, "begun") != before)

    assert actions(instance).count("health") == 1


def test_health_survives_the_shim(instance: Instance) -> None:
    started = sleeping(instance, checked("echo x >> /begun; exit 5", retries=3))
    until(lambda: health(instance, started.id).status == "unhealthy")
    before = health(instance, started.id)
    replace_shim(instance, started.id)
    until(lambda: health(instance, started.id).failing_streak > before.failing_streak)
    found = health(instance, started.id)

    assert (found.status, len(found.log)) == ("unhealthy", min(5, found.failing_streak))
    assert found.log[0].started_ns >= before.log[0].started_ns
    assert actions(instance).count("health") == 1


def test_the_probe_of_a_dead_shim_is_ended_before_the_next_begins(instance: Instance) -> None:
    check = checked("echo x >> /begun; sleep 1000 & sleep 1000", timeout_seconds=1000)
    started = sleeping(instance, check)
    until(lambda: effect(instance, started.id, "begun") == "x\n")
    until(lambda: len(inside(instance, started.id)) >= 2)
    left = inside(instance, started.id)
    replace_shim(instance, started.id)
    until(lambda: all(ended(pid) for pid in left))
    until(lambda: effect(instance, started.id, "begun").count("x") == 2)

    assert health(instance, started.id).status == "starting"


def test_a_probe_does_not_hold_up_the_end_of_its_container(instance: Instance) -> None:
    started = sleeping(instance, checked("sleep 1000", timeout_seconds=1000))
    until(lambda: inside(instance, started.id) != set())
    instance.engine.containers.kill(started.id)
    began = time.monotonic()
    over = instance.engine.containers.wait(started.id, timeout_seconds=20)

    assert over.exit_code == 137
    assert time.monotonic() - began < 5
    assert over.health == HealthRecord(status="starting")


def test_a_container_that_ends_with_its_probe_was_not_unhealthy(instance: Instance) -> None:
    check = checked("echo x >> /begun; sleep 1000", timeout_seconds=1000, retries=1)
    started = instance.run("while [ ! -e /begun ]; do sleep 0.01; done; exit 3", health=check)
    over = instance.engine.containers.wait(started.id, timeout_seconds=20)

    assert (over.exit_code, over.health) == (3, HealthRecord(status="starting"))
    assert "health" not in actions(instance)


def test_what_is_removed_at_its_end_takes_its_probe_along(instance: Instance) -> None:
    check = checked("sleep 1000", timeout_seconds=1000)
    started = sleeping(instance, check, auto_remove=True)
    until(lambda: inside(instance, started.id) != set())
    left = inside(instance, started.id)
    instance.engine.containers.kill(started.id)
    instance.engine.containers.wait(started.id, timeout_seconds=20)
    instance.engine.containers.recover()

    assert instance.engine.containers.list() == []
    assert os.listdir(instance.config.containers) == []
    assert all(ended(pid) for pid in left)


def test_new_limits_and_new_results_stand_side_by_side(instance: Instance) -> None:
    started = sleeping(instance, checked("echo x >> /begun; cat /begun"))
    until(lambda: health(instance, started.id).status == "healthy")
    wish = Amendment.from_json({"limits": {"pids": 40}})
    changed = instance.engine.containers.update(started.id, wish, operation="op1")
    replace_shim(instance, started.id)
    before = effect(instance, started.id, "begun")
    until(lambda: health(instance, started.id).log[-1].output.startswith(f"{before}x"))
    found = instance.engine.containers.inspect(started.id)

    assert (found.version, found.spec["limits"]["pids"]) == (changed.version, 40)
    assert health(instance, started.id).status == "healthy"
    assert actions(instance).count("health") == 1


def test_a_restarted_container_is_probed_again(instance: Instance) -> None:
    check = checked("echo x >> /begun")
    started = instance.run("sleep 0.5; exit 1", health=check, restart="always")
    until(lambda: actions(instance).count("started") >= 3)
    events = [one.event for one in instance.engine.events.pending()]
    begun = [one.record.health for one in events if one.action == "started"]
    instance.engine.containers.stop(started.id, timeout_seconds=0)
    instance.engine.containers.wait(started.id, timeout_seconds=20)

    assert {found.status for found in begun if found} == {"starting"}
    assert [one.action for one in events].count("health") >= 2


def test_the_log_flows_while_probes_come_and_go(instance: Instance) -> None:
    script = "n=0; while [ $n -lt 100 ]; do n=$((n+1)); echo line $n; sleep 0.01; done; exit 9"
    started = instance.run(script, health=checked("true"))
    over = instance.engine.containers.wait(started.id, timeout_seconds=60)

    expected = b"".join(b"line %d\n" % number for number in range(1, 101))
    assert (over.exit_code, instance.output(started.id)) == (9, expected)
