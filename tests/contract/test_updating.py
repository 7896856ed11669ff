"""Limits and restart policy change whatever a container does, once for each operation."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.engine import Engine
from runtime.errors import Conflict, InvalidSpec, NotFound
from runtime.events import ContainerRecord
from runtime.spec.amendment import Amendment
from runtime.spec.container import ContainerSpec
from tests.contract.conftest import NOBODY, SLEEPER, Ear, actions, events, running, shell

MIB = 1 << 20
ROOMY: dict[str, Any] = {"limits": {"memory_bytes": 64 * MIB, "pids": 40, "cpus": 0.5}}


def wish(**asked: Any) -> Amendment:
    return Amendment.from_json(asked)


def limits(record: ContainerRecord) -> tuple[object, object, object]:
    held = record.spec["limits"]
    return held["memory_bytes"], held["pids"], held["cpus"]


@pytest.mark.parametrize("state", ["created", "running", "paused", "exited"])
def test_it_is_changed_in_any_state(engine: Engine, state: str) -> None:
    made = engine.containers.create(SLEEPER)
    if state != "created":
        engine.containers.start(made.id)
    if state == "paused":
        engine.containers.pause(made.id)
    if state == "exited":
        engine.containers.kill(made.id)
        engine.containers.wait(made.id, timeout_seconds=20)
    before, ear = engine.containers.inspect(made.id), Ear()
    changed = engine.containers.update(
        made.id,
        wish(**ROOMY, restart={"policy": "on-failure", "retries": 2}),
        operation="op1",
        sink=ear,
    )

    assert limits(changed) == (64 * MIB, 40, 0.5)
    assert (changed.spec["restart"], changed.spec["restart_retries"]) == ("on-failure", 2)
    assert (changed.state, changed.pid) == (before.state, before.pid)
    assert changed.version == before.version + 1
    assert changed == engine.containers.inspect(made.id)
    assert [event.action for event in ear.heard] == ["updated"]
    assert events(engine, made.id)[-1].operation == "op1"
    assert ContainerSpec.from_json(changed.spec).image == SLEEPER.image


def test_the_same_operation_again_changes_nothing(engine: Engine) -> None:
    started = running(engine)
    engine.containers.update(started.id, wish(**ROOMY), operation="op1")
    other = engine.containers.update(started.id, wish(limits={"pids": 50}), operation="op2")
    again = engine.containers.update(started.id, wish(**ROOMY), operation="op1")

    assert again == other
    assert limits(again) == (64 * MIB, 50, 0.5)
    assert actions(engine, started.id).count("updated") == 2
    once = engine.containers.once(started.id, "op1")
    assert once is not None
    assert once.state == "done"


def test_more_memory_in_use_than_there_may_be_is_refused_and_nothing_changes(
    engine: Engine,
) -> None:
    started = running(engine, shell("x=$(tr '\\0' x </dev/zero | head -c 30000000); sleep 60"))
    wait_for_memory(engine, started.id)
    for _ in range(2):
        with pytest.raises(Conflict, match="bytes of memory"):
            engine.containers.update(
                started.id, wish(limits={"memory_bytes": 6 * MIB, "pids": 7}), operation="op1"
            )

    assert engine.containers.inspect(started.id) == started
    pids = engine.containers.stats(started.id).pids
    assert pids is not None
    assert pids.limit == 512


def wait_for_memory(engine: Engine, container: str) -> None:
    from tests.contract.conftest import until

    def used() -> int:
        memory = engine.containers.stats(container).memory
        return 0 if memory is None else memory.working_set_bytes or 0

    until(lambda: used() >= 8 * MIB)


def test_what_does_not_fit_is_refused(engine: Engine) -> None:
    started = running(engine)
    with pytest.raises(InvalidSpec) as refused:
        engine.containers.update(
            started.id, wish(limits={"memory_swap_bytes": 64 * MIB}), operation="op1"
        )

    assert refused.value.field == "limits.memory_swap_bytes"
    assert engine.containers.inspect(started.id) == started


def test_what_there_is_not_cannot_be_changed(engine: Engine) -> None:
    with pytest.raises(NotFound, match="container"):
        engine.containers.update(NOBODY, wish(**ROOMY), operation="op1")
