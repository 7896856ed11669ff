"""Health checks: what is told of a container that is well, and of one that is not."""

from __future__ import annotations

import time
from typing import Any

import pytest

from runtime.engine import Engine
from runtime.errors import InvalidSpec
from runtime.events import ContainerEvent, HealthRecord
from runtime.spec.amendment import Amendment
from runtime.spec.container import ContainerSpec
from tests.contract.conftest import actions, events, running, until

OFTEN = {"interval_seconds": 0.1, "start_interval_seconds": 0.1}


def checked(script: str, **wishes: Any) -> ContainerSpec:
    """A container that sleeps, with a check."""
    check = {"test": ["CMD-SHELL", script], **OFTEN, **wishes}
    return ContainerSpec.from_json(
        {"image": "starter", "command": ["sleep", "60"], "health": check}
    )


def health(engine: Engine, container: str) -> HealthRecord:
    found = engine.containers.inspect(container).health
    assert found is not None
    return found


def told(engine: Engine, container: str) -> list[ContainerEvent]:
    return [event for event in events(engine, container) if event.action == "health"]


def becomes(engine: Engine, container: str, status: str) -> HealthRecord:
    """Wait until a status is the newest event, and return the health that has it."""

    def is_told() -> bool:
        event = events(engine, container)[-1]
        told_of = event.record.health
        return event.action == "health" and told_of is not None and told_of.status == status

    until(is_told)
    return health(engine, container)


def test_what_is_well_is_told_once(engine: Engine) -> None:
    started = running(engine, checked("echo well"))
    found = becomes(engine, started.id, "healthy")
    time.sleep(0.4)

    began = next(one for one in events(engine, started.id) if one.action == "started")
    assert began.record.health == HealthRecord(status="starting")
    (event,) = told(engine, started.id)
    assert event.record.health is not None
    assert event.record.health.status == "healthy"
    assert event.record.version == engine.containers.inspect(started.id).version
    assert found.failing_streak == 0
    result = found.log[-1]
    assert (result.exit_code, result.output, result.error) == (0, "well\n", "")
    assert result.started_ns <= result.finished_ns


def test_what_fails_again_and_again_is_unhealthy(engine: Engine) -> None:
    started = running(engine, checked("echo ill; exit 3", retries=2))
    found = becomes(engine, started.id, "unhealthy")

    assert found.failing_streak >= 2
    assert {(result.exit_code, result.output) for result in found.log} == {(3, "ill\n")}
    assert len(told(engine, started.id)) == 1
    assert engine.containers.inspect(started.id).state == "running"


def test_failures_do_not_count_in_the_start_period(engine: Engine) -> None:
    started = running(engine, checked("exit 1", retries=1, start_period_seconds=60))
    until(lambda: health(engine, started.id).log != ())
    time.sleep(0.3)

    found = health(engine, started.id)
    assert (found.status, found.failing_streak) == ("starting", 0)
    assert told(engine, started.id) == []


def test_what_takes_too_long_has_failed(engine: Engine) -> None:
    started = running(engine, checked("sleep 60", timeout_seconds=0.2, retries=1))
    result = becomes(engine, started.id, "unhealthy").log[-1]

    assert result.exit_code is None
    assert "longer than 0.2 s" in result.error


def test_a_program_that_there_is_not_has_failed(engine: Engine) -> None:
    started = running(engine, checked("x", test=["CMD", "/nonesuch"], retries=1))
    result = becomes(engine, started.id, "unhealthy").log[-1]

    assert result.exit_code is None
    assert "/nonesuch" in result.error


@pytest.mark.parametrize("check", [None, {"test": ["NONE"]}])
def test_without_a_check_there_is_no_health(engine: Engine, check: dict[str, Any] | None) -> None:
    asked = {"image": "starter", "command": ["sleep", "60"], "health": check}
    started = running(engine, ContainerSpec.from_json(asked))

    assert started.health is None
    assert engine.containers.inspect(started.id).health is None


def test_what_was_never_started_has_no_health_yet(engine: Engine) -> None:
    assert engine.containers.create(checked("true")).health is None


def test_each_run_is_found_out_anew(engine: Engine) -> None:
    started = running(engine, checked("true"))
    becomes(engine, started.id, "healthy")
    engine.containers.restart(started.id, timeout_seconds=0, operation="restart1")
    until(lambda: actions(engine, started.id).count("started") == 2)
    again = [event for event in events(engine, started.id) if event.action == "started"][-1]

    assert again.record.health is not None
    assert again.record.health.status == "starting"
    assert again.record.health.log != ()
    becomes(engine, started.id, "healthy")
    assert len(told(engine, started.id)) == 2


def test_a_change_of_limits_leaves_health_alone(engine: Engine) -> None:
    started = running(engine, checked("true"))
    becomes(engine, started.id, "healthy")
    wish = Amendment.from_json({"limits": {"pids": 40}})
    changed = engine.containers.update(started.id, wish, operation="op1")

    assert changed.health is not None
    assert (changed.health.status, changed.spec["limits"]["pids"]) == ("healthy", 40)
    assert changed.spec["health"] == started.spec["health"]
    assert len(told(engine, started.id)) == 1


def test_what_ended_keeps_its_last_results(engine: Engine) -> None:
    started = running(engine, checked("true"))
    becomes(engine, started.id, "healthy")
    engine.containers.kill(started.id)
    over = engine.containers.wait(started.id, timeout_seconds=20)

    assert over.health is not None
    assert over.health.status == "healthy"
    assert [result.exit_code for result in over.health.log][-1] == 0


@pytest.mark.parametrize(
    ("check", "field"),
    [({"retries": 5}, "health.test"), ({"test": ["CMD-SHELL"]}, "health.test")],
)
def test_what_is_no_check_is_refused_and_leaves_nothing(
    engine: Engine, check: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidSpec) as refused:
        engine.containers.create(
            ContainerSpec.from_json({"image": "starter", "command": ["true"], "health": check})
        )

    assert refused.value.field == field
    assert engine.containers.list() == []
