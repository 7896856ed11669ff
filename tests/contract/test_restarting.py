"""Restart: a stop and a start in one, once for each operation."""

from __future__ import annotations

import pytest

from runtime.engine import Engine
from runtime.errors import InvalidSpec
from runtime.events import ContainerRecord
from runtime.spec.container import ContainerSpec
from tests.contract.conftest import SLEEPER, actions, events, running, until


def restarted(engine: Engine, container: str, operation: str) -> ContainerRecord:
    """Restart what runs, and return its record once it runs again."""
    engine.containers.restart(container, timeout_seconds=0, operation=operation)
    until(lambda: events(engine, container)[-1].operation == operation)
    return engine.containers.inspect(container)


@pytest.mark.parametrize("paused", [False, True])
def test_a_restart_ends_by_an_event_with_its_operation(engine: Engine, paused: bool) -> None:
    started = running(engine)
    if paused:
        engine.containers.pause(started.id)
    again = restarted(engine, started.id, "restart1")
    mark = engine.containers.once(started.id, "restart1")

    assert (again.state, again.restarting, again.restart_count) == ("running", False, 0)
    assert again.pid not in (None, started.pid)
    assert mark is not None
    assert (mark.state, mark.fault) == ("done", None)
    assert actions(engine, started.id)[-2:] == ["restarting", "started"]
    assert events(engine, started.id)[-1].record == again


def test_a_restart_repeated_restarts_nothing(engine: Engine) -> None:
    started = running(engine)
    again = restarted(engine, started.id, "restart1")

    assert engine.containers.restart(started.id, operation="restart1") == again
    assert engine.containers.inspect(started.id) == again


def test_another_operation_restarts_once_more(engine: Engine) -> None:
    started = running(engine)
    pids = {restarted(engine, started.id, f"restart{number}").version for number in range(3)}

    assert len(pids) == 3
    assert actions(engine, started.id).count("started") == 4


@pytest.mark.parametrize("state", ["created", "exited"])
def test_restarting_what_does_not_run_starts_it(engine: Engine, state: str) -> None:
    made = engine.containers.create(SLEEPER)
    if state == "exited":
        engine.containers.start(made.id)
        engine.containers.kill(made.id)
        engine.containers.wait(made.id, timeout_seconds=20)
    record = engine.containers.restart(made.id, operation="restart1")
    mark = engine.containers.once(made.id, "restart1")

    assert record.state == "running"
    assert mark is not None
    assert mark.state == "done"
    assert engine.containers.restart(made.id, operation="restart1") == record


def test_a_program_that_there_is_not_is_refused_each_time(engine: Engine) -> None:
    gone = engine.containers.create(ContainerSpec(image="starter", command=("/nonesuch",)))
    for _ in range(2):
        with pytest.raises(InvalidSpec, match="command"):
            engine.containers.restart(gone.id, operation="restart1")
    assert engine.containers.inspect(gone.id).state == "created"


def test_a_grace_that_is_none_is_refused(engine: Engine) -> None:
    started = running(engine)
    with pytest.raises(InvalidSpec, match="timeout_seconds"):
        engine.containers.restart(started.id, timeout_seconds=-1, operation="restart1")
    assert engine.containers.inspect(started.id) == started
