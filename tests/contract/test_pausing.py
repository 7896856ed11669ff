"""Pause and resume, and what a paused container takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from runtime.engine import Engine
from runtime.errors import Conflict
from tests.contract.conftest import EXEC, SLEEPER, Ear, actions, running


def test_what_is_paused_stands_still_until_it_is_resumed(engine: Engine) -> None:
    started = running(engine)
    ear = Ear()
    paused = engine.containers.pause(started.id, sink=ear)
    again = engine.containers.pause(started.id, sink=ear)
    resumed = engine.containers.resume(started.id, sink=ear)
    still = engine.containers.resume(started.id, sink=ear)

    assert (paused.state, paused.pid, again) == ("paused", started.pid, paused)
    assert (resumed.state, resumed.pid, still) == ("running", started.pid, resumed)
    assert [event.action for event in ear.heard] == ["paused", "resumed"]
    assert actions(engine, started.id)[-2:] == ["paused", "resumed"]


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_what_does_not_run_can_neither_be_paused_nor_resumed(engine: Engine, verb: str) -> None:
    made = engine.containers.create(SLEEPER)
    with pytest.raises(Conflict, match=f"created.*{verb}"):
        getattr(engine.containers, verb)(made.id)
    assert engine.containers.inspect(made.id) == made


@pytest.mark.parametrize(
    "verb",
    [
        lambda containers, one: containers.start(one),
        lambda containers, one: containers.execute(one, EXEC, operation="op1"),
        lambda containers, one: containers.delete(one),
    ],
    ids=["start", "execute", "delete"],
)
def test_what_is_paused_takes_no_command(
    engine: Engine, verb: Callable[[Any, str], object]
) -> None:
    paused = engine.containers.pause(running(engine).id)
    with pytest.raises(Conflict, match=r"paused|runs|running"):
        verb(engine.containers, paused.id)
    assert engine.containers.inspect(paused.id) == paused
    assert engine.containers.once(paused.id, "op1") is None


@pytest.mark.parametrize(
    "verb",
    [
        lambda containers, one: containers.stop(one, timeout_seconds=0),
        lambda containers, one: containers.kill(one),
    ],
    ids=["stop", "kill"],
)
def test_what_is_paused_ends_when_it_is_told_to(
    engine: Engine, verb: Callable[[Any, str], object]
) -> None:
    paused = engine.containers.pause(running(engine).id)
    verb(engine.containers, paused.id)
    over = engine.containers.wait(paused.id, timeout_seconds=20)

    assert over.exit_code in (137, 143)
    assert "resumed" in actions(engine, paused.id)


def test_what_is_paused_is_deleted_by_force(engine: Engine) -> None:
    paused = engine.containers.pause(running(engine).id)
    engine.containers.delete(paused.id, force=True)

    assert actions(engine, paused.id)[-2:] == ["exited", "deleted"]
    assert engine.containers.list() == []
