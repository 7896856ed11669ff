"""What a container uses and which processes it has, as every engine tells it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from runtime.engine import Engine
from runtime.errors import Conflict, NotFound
from tests.contract.conftest import NOBODY, SLEEPER, running, shell, until

LOOKS: list[Callable[[Any, str], object]] = [
    lambda containers, one: containers.stats(one),
    lambda containers, one: containers.top(one),
]
EACH = pytest.mark.parametrize("look", LOOKS, ids=["stats", "top"])


def test_a_running_container_has_figures(engine: Engine) -> None:
    started = running(engine)
    first = engine.containers.stats(started.id)
    second = engine.containers.stats(started.id)

    assert first.time_ns <= second.time_ns
    assert first.monotonic_ns < second.monotonic_ns
    assert first.memory is not None
    assert first.memory.usage_bytes is not None
    assert first.pids is not None
    assert (first.pids.current, first.pids.limit) == (1, 512)
    assert first.cpu is not None
    assert second.cpu is not None
    assert (first.cpu.usage_ns or 0) <= (second.cpu.usage_ns or 0)
    assert first.network is not None
    assert "lo" in first.network.interfaces
    assert {"cpu", "memory", "io", "network", "pressure"} <= first.to_json().keys()


def test_looking_changes_nothing(engine: Engine) -> None:
    started = running(engine)
    engine.containers.stats(started.id)
    engine.containers.top(started.id)

    assert engine.containers.inspect(started.id) == started


@EACH
def test_what_is_paused_is_looked_at_too(
    engine: Engine, look: Callable[[Any, str], object]
) -> None:
    paused = engine.containers.pause(running(engine).id)

    assert look(engine.containers, paused.id)


@EACH
def test_what_does_not_run_has_nothing_to_look_at(
    engine: Engine, look: Callable[[Any, str], object]
) -> None:
    made = engine.containers.create(SLEEPER)
    with pytest.raises(Conflict, match="created"):
        look(engine.containers, made.id)
    over = running(engine, shell("true"))
    engine.containers.wait(over.id, timeout_seconds=20)
    with pytest.raises(Conflict, match="exited"):
        look(engine.containers, over.id)
    with pytest.raises(NotFound, match="container"):
        look(engine.containers, NOBODY)


def test_the_first_process_is_number_1_inside(engine: Engine) -> None:
    started = running(engine)
    # Between clone and execve its command line is not yet its own.
    until(lambda: engine.containers.top(started.id).processes[0].command == "sleep 60")
    told = engine.containers.top(started.id)
    (process,) = told.processes

    assert told.total == 1
    assert (process.pid, process.host_pid, process.parent) == (1, started.pid, 0)
    assert process.uid == 0
    assert process.state in "SRD"
    assert (process.threads, process.command) == (1, "sleep 60")
    assert process.host_uid >= 65_536
