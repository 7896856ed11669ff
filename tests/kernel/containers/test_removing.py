"""What asked to be removed when it has ended is, once, whatever dies in between."""

from __future__ import annotations

import os
import random
import signal

import pytest

from runtime.errors import NotFound
from tests.conftest import Counts
from tests.kernel.containers.conftest import Instance, ended, shell, until
from tests.kernel.containers.test_crashing import calls, traced

pytestmark = pytest.mark.kernel


def ended_one(instance: Instance) -> str:
    """Return a container that has ended and is to be removed."""
    made = instance.engine.containers.create(shell("true", auto_remove=True))
    instance.engine.containers.start(made.id)
    instance.engine.containers.wait(made.id, timeout_seconds=20)
    return made.id


def actions(instance: Instance, container: str) -> list[str]:
    return [
        spooled.event.action
        for spooled in instance.engine.events.pending()
        if spooled.event.record.id == container
    ]


def test_a_removal_killed_at_any_point_is_finished_by_the_next(
    instance: Instance, layer: str, rng: random.Random, counts: Counts
) -> None:
    before = calls(instance, layer, "-", "no-remove")
    whole = calls(instance, layer, ended_one(instance), "remove")
    every = [(name, n) for name in sorted(whole) for n in range(before[name] + 1, whole[name] + 1)]
    assert len(every) > 10

    killed = 0
    chosen = sorted(rng.sample(every, min(len(every), counts(12, full=len(every)))))
    for name, number in chosen:
        identity = ended_one(instance)
        inject = f"inject={name}:signal=SIGKILL:when={number}"
        options = ("-o", "/dev/null", "-e", inject)
        killed += traced(instance, layer, identity, "remove", *options) == -signal.SIGKILL
        instance.engine.containers.recover()

        assert instance.engine.containers.list() == []
        assert os.listdir(instance.config.containers) == []
        assert os.listdir(instance.site.trash) == []
        assert actions(instance, identity) == ["created", "started", "exited", "deleted"]
    assert killed > len(chosen) // 2


def test_what_a_dead_shim_minded_is_removed_when_it_has_ended(instance: Instance) -> None:
    made = instance.run("sleep 600", auto_remove=True)
    shim = instance.shim(made.id)
    os.kill(shim, signal.SIGKILL)
    until(lambda: ended(shim))
    instance.engine.containers.recover()
    assert instance.engine.containers.inspect(made.id).state == "running"
    instance.engine.containers.kill(made.id)
    instance.engine.containers.wait(made.id, timeout_seconds=20)
    instance.engine.containers.recover()

    with pytest.raises(NotFound):
        instance.engine.containers.inspect(made.id)


def test_what_is_restarted_by_request_stays(instance: Instance) -> None:
    made = instance.run("sleep 600", auto_remove=True)
    instance.engine.containers.restart(made.id, operation="again1", timeout_seconds=0)
    for _ in range(20):
        instance.engine.containers.recover()
        assert instance.engine.containers.inspect(made.id).id == made.id
    until(lambda: instance.engine.containers.inspect(made.id).state == "running")
