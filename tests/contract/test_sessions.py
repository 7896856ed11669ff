"""Interactive processes: what goes in and out, who reads, and how they end."""

from __future__ import annotations

import pytest

from runtime.dialogue import HangUp
from runtime.engine import Engine
from runtime.errors import Conflict, InvalidSpec, NotFound
from runtime.spec.execution import ExecSpec
from runtime.spec.session import SessionSpec
from tests.contract.conftest import SLEEPER, actions, events, running, until
from tests.reader import Reader


def spec(*command: str, tty: bool = False) -> SessionSpec:
    return SessionSpec(process=ExecSpec(command=command), tty=tty)


CAT = spec("cat")


def opened(engine: Engine, wanted: SessionSpec = CAT, operation: str = "s1") -> tuple[str, Reader]:
    container = running(engine).id
    engine.containers.open_session(container, wanted, operation=operation)
    return container, Reader(engine.containers.attach(container, operation))


def test_what_is_typed_comes_back_and_the_end_of_input_ends_it(engine: Engine) -> None:
    container, reader = opened(engine)
    reader.type("hello\n")
    reader.until("hello\n")
    reader.half_close()

    assert reader.to_exit() == 0
    until(lambda: "exec-finished" in actions(engine, container))
    (ended,) = [one for one in events(engine, container) if one.action == "exec-finished"]
    assert (ended.operation, ended.result) == ("s1", {"exit_code": 0})
    mark = engine.containers.once(container, "s1")
    assert mark is not None
    assert (mark.state, mark.result) == ("done", {"exit_code": 0})
    reader.leave()


def test_output_comes_before_the_exit_code(engine: Engine) -> None:
    _, reader = opened(engine, spec("sh", "-c", "echo out; exit 3"))

    assert reader.to_exit() == 3
    assert reader.text() == "out\n"
    reader.leave()


def test_the_same_operation_opens_one_session(engine: Engine) -> None:
    container, reader = opened(engine)
    engine.containers.open_session(container, CAT, operation="s1")
    reader.type("still the same\n")
    reader.until("still the same\n")
    reader.leave()


def test_a_reader_that_comes_back_goes_on_where_it_was(engine: Engine) -> None:
    container, first = opened(engine)
    first.type("one\n")
    first.until("one\n")
    first.leave()

    second = Reader(engine.containers.attach(container, "s1", offset=first.offset))
    assert (second.opened.offset, second.opened.received, second.opened.taken) == (4, 4, 4)
    second.type("two\n")
    assert second.until("two\n") == "two\n"
    second.leave()


def test_a_second_reader_sends_the_first_one_away(engine: Engine) -> None:
    container, first = opened(engine)
    second = Reader(engine.containers.attach(container, "s1"))
    while first.listen():
        continue

    assert first.parted is not None
    for reader in (first, second):
        reader.leave()


@pytest.mark.parametrize("tty", [True, False], ids=["terminal", "pipes"])
def test_hanging_up_ends_it(engine: Engine, tty: bool) -> None:
    _, reader = opened(engine, spec("cat", tty=tty))
    assert reader.opened.terminal is tty
    reader.say(HangUp())

    assert reader.to_exit() == (129 if tty else 0)
    reader.leave()


def test_it_ends_with_its_container(engine: Engine) -> None:
    container, reader = opened(engine, spec("sleep", "60"))
    engine.containers.kill(container)

    assert reader.to_exit() == 137
    engine.containers.wait(container, timeout_seconds=20)
    until(lambda: "exited" in actions(engine, container))
    assert "exec-finished" in actions(engine, container)
    reader.leave()


def test_what_does_not_run_has_no_sessions(engine: Engine) -> None:
    made = engine.containers.create(SLEEPER)
    with pytest.raises(Conflict, match="created"):
        engine.containers.open_session(made.id, CAT, operation="s1")
    with pytest.raises(Conflict, match="created"):
        engine.containers.attach(made.id, "s1")
    assert engine.containers.once(made.id, "s1") is None


def test_what_is_paused_begins_no_session(engine: Engine) -> None:
    paused = engine.containers.pause(running(engine).id)
    with pytest.raises(Conflict, match="paused"):
        engine.containers.open_session(paused.id, CAT, operation="s1")


def test_a_session_that_there_is_not_is_not_found(engine: Engine) -> None:
    container = running(engine).id
    with pytest.raises(NotFound, match="session"):
        engine.containers.attach(container, "nobody")


def test_a_program_that_there_is_not_is_refused(engine: Engine) -> None:
    container = running(engine).id
    with pytest.raises(InvalidSpec, match="command"):
        engine.containers.open_session(container, spec("no-such-program"), operation="s1")
    with pytest.raises(NotFound):
        engine.containers.attach(container, "s1")
