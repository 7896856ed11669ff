"""What everybody may count on of an engine; the panel is tested on the fake one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from runtime.engine import Engine
from runtime.errors import Conflict, InvalidSpec, NotFound, Unavailable
from runtime.events import LogQuery, OnceRecord
from runtime.spec.container import ContainerSpec
from runtime.spec.execution import ExecSpec
from tests.contract.conftest import (
    EXEC,
    NOBODY,
    SLEEPER,
    Ear,
    actions,
    events,
    output,
    running,
    shell,
    until,
)


def test_a_created_container_is_told_as_asked(engine: Engine) -> None:
    spec = shell("true", name="web", labels={"a": "b"}, env={"K": "v"})
    ear = Ear()
    record = engine.containers.create(spec, container="ab" * 16, sink=ear)

    assert (record.id, record.version, record.state) == ("ab" * 16, 1, "created")
    assert record.command == ("sh", "-c", "true")
    assert ContainerSpec.from_json(record.spec) == spec
    assert record.image_id.startswith("sha256:")
    assert record.pid is None
    assert record.exit_code is None
    assert record.started_ns is None
    assert engine.containers.inspect(record.id) == record
    assert engine.containers.list() == [record]
    assert [event.action for event in ear.heard] == ["created"]
    assert ear.heard == events(engine, record.id)


def test_the_same_id_again_is_the_same_container(engine: Engine) -> None:
    first = engine.containers.create(SLEEPER, container="cd" * 16)
    engine.containers.start(first.id)
    again = engine.containers.create(SLEEPER, container="cd" * 16)

    assert again == engine.containers.inspect(first.id)
    assert actions(engine, first.id) == ["created", "started"]


def test_ids_are_minted(engine: Engine) -> None:
    first, second = (engine.containers.create(SLEEPER) for _ in range(2))

    assert len(first.id) == 32
    assert first.id != second.id
    assert [record.id for record in engine.containers.list()] == [first.id, second.id]


def test_an_image_that_there_is_not_is_not_found(engine: Engine) -> None:
    with pytest.raises(NotFound, match="image"):
        engine.containers.create(ContainerSpec(image="nonesuch", command=("true",)))
    assert engine.containers.list() == []


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"runtime": "other"}, "runtime"),
        ({"namespaces": {"time": "private"}}, "namespaces.time"),
        ({"limits": {"intel_rdt": {}}}, "limits.intel_rdt"),
    ],
)
def test_what_is_not_built_is_refused_and_leaves_nothing(
    engine: Engine, wish: dict[str, Any], field: str
) -> None:
    spec = ContainerSpec.from_json({"image": "starter", "command": ["true"]} | wish)

    with pytest.raises(InvalidSpec) as refused:
        engine.containers.create(spec)

    assert refused.value.field == field
    assert engine.containers.list() == []


def test_an_image_of_another_namespace_is_not_found(engine: Engine) -> None:
    with pytest.raises(NotFound, match="image"):
        engine.containers.create(ContainerSpec(image="starter", namespace="others"))


def test_a_container_runs_to_its_end(engine: Engine) -> None:
    made = engine.containers.create(shell("echo hello; exit 7"))
    started = engine.containers.start(made.id)
    over = engine.containers.wait(made.id, timeout_seconds=20)

    assert started.id == made.id
    assert (over.state, over.exit_code, over.oom_killed, over.pid) == ("exited", 7, False, None)
    assert over.started_ns is not None
    assert over.finished_ns is not None
    assert over.started_ns <= over.finished_ns
    assert output(engine, made.id) == b"hello\n"
    assert actions(engine, made.id) == ["created", "started", "exited"]
    versions = [event.record.version for event in events(engine, made.id)]
    assert versions == sorted(set(versions))
    assert over.version == versions[-1]


def test_a_running_container_has_a_process_and_no_end(engine: Engine) -> None:
    record = running(engine)

    assert record.state == "running"
    assert record.pid is not None
    assert (record.exit_code, record.finished_ns) == (None, None)


def test_starting_what_runs_changes_nothing(engine: Engine) -> None:
    first = running(engine)

    assert engine.containers.start(first.id) == first
    assert actions(engine, first.id) == ["created", "started"]


def test_what_exited_starts_again(engine: Engine) -> None:
    made = running(engine, shell("echo once"))
    engine.containers.wait(made.id, timeout_seconds=20)
    engine.containers.start(made.id)
    engine.containers.wait(made.id, timeout_seconds=20)

    assert output(engine, made.id) == b"once\nonce\n"


def test_a_program_that_there_is_not_is_refused_and_nothing_changes(engine: Engine) -> None:
    made = engine.containers.create(ContainerSpec(image="starter", command=("/nonesuch",)))
    with pytest.raises(InvalidSpec) as refused:
        engine.containers.start(made.id)

    assert refused.value.field == "command"
    assert engine.containers.inspect(made.id) == made


def test_stop_hands_over_and_ends_by_an_event_with_its_operation(engine: Engine) -> None:
    started = running(engine)
    engine.containers.stop(started.id, timeout_seconds=0, operation="stop1")
    over = engine.containers.wait(started.id, timeout_seconds=20)

    assert over.exit_code in (137, 143)
    last = events(engine, started.id)[-1]
    assert (last.action, last.operation) == ("exited", "stop1")
    assert last.record == over


@pytest.mark.parametrize("state", ["created", "exited"])
def test_stopping_what_does_not_run_is_harmless(engine: Engine, state: str) -> None:
    made = engine.containers.create(shell("true"))
    if state == "exited":
        engine.containers.start(made.id)
        engine.containers.wait(made.id, timeout_seconds=20)
    before = engine.containers.inspect(made.id)

    assert engine.containers.stop(made.id, operation="stop1") == before
    assert engine.containers.inspect(made.id) == before


def test_kill_ends_it_with_the_signal_s_code(engine: Engine) -> None:
    started = running(engine)
    engine.containers.kill(started.id, operation="kill1")
    over = engine.containers.wait(started.id, timeout_seconds=20)
    mark = engine.containers.once(started.id, "kill1")

    assert over.exit_code == 137
    assert mark is not None
    assert (mark.operation, mark.state, mark.fault) == ("kill1", "done", None)


def test_a_kill_repeated_after_a_restart_kills_nobody(engine: Engine) -> None:
    started = running(engine)
    engine.containers.kill(started.id, operation="kill1")
    engine.containers.wait(started.id, timeout_seconds=20)
    again = engine.containers.start(started.id)
    engine.containers.kill(started.id, operation="kill1")

    assert engine.containers.inspect(started.id) == again


@pytest.mark.parametrize(
    "verb",
    [
        lambda containers, one: containers.kill(one, operation="op1"),
        lambda containers, one: containers.execute(one, EXEC, operation="op1"),
    ],
    ids=["kill", "execute"],
)
def test_what_does_not_run_takes_neither_kill_nor_exec(
    engine: Engine, verb: Callable[[Any, str], object]
) -> None:
    made = engine.containers.create(SLEEPER)
    with pytest.raises(Conflict):
        verb(engine.containers, made.id)
    assert engine.containers.once(made.id, "op1") is None


def test_an_exec_ends_by_an_event_with_its_result(engine: Engine) -> None:
    started = running(engine)
    for _ in range(2):
        engine.containers.execute(started.id, EXEC, operation="exec1")
    until(lambda: "exec-finished" in actions(engine, started.id))
    time.sleep(0.1)
    ended = [one for one in events(engine, started.id) if one.action == "exec-finished"]
    result = {
        "exit_code": 3,
        "stdout": "out\n",
        "stderr": "",
        "stdout_base64": False,
        "stderr_base64": False,
        "truncated": False,
    }

    assert [(one.operation, one.result) for one in ended] == [("exec1", result)]
    assert ended[0].record.version > started.version
    assert engine.containers.once(started.id, "exec1") == OnceRecord(
        operation="exec1", state="done", result=result
    )


def test_an_exec_of_what_there_is_not_is_refused(engine: Engine) -> None:
    started = running(engine)
    with pytest.raises(InvalidSpec, match="command"):
        engine.containers.execute(started.id, ExecSpec(command=("/nonesuch",)), operation="exec1")


def test_a_container_is_renamed_whatever_it_does(engine: Engine) -> None:
    started = running(engine)
    ear = Ear()
    renamed = engine.containers.rename(started.id, name="new-name", sink=ear)
    again = engine.containers.rename(started.id, name="new-name", sink=ear)

    assert ContainerSpec.from_json(renamed.spec) == replace(SLEEPER, name="new-name")
    assert replace(renamed, spec=started.spec, version=started.version) == started
    assert again == renamed == engine.containers.inspect(started.id)
    assert [event.action for event in ear.heard] == ["renamed"]
    engine.containers.kill(started.id)
    over = engine.containers.wait(started.id, timeout_seconds=20)
    assert over.spec["name"] == "new-name"
    assert engine.containers.start(started.id).spec["name"] == "new-name"


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "x" * 129, "\u00e4"])
def test_what_is_no_name_is_refused(engine: Engine, name: str) -> None:
    made = engine.containers.create(SLEEPER)
    with pytest.raises(InvalidSpec, match="name"):
        engine.containers.rename(made.id, name=name)
    assert engine.containers.inspect(made.id) == made


def test_what_runs_is_deleted_by_force_only(engine: Engine) -> None:
    started = running(engine)
    with pytest.raises(Conflict):
        engine.containers.delete(started.id)
    assert engine.containers.inspect(started.id).state == "running"
    ear = Ear()
    engine.containers.delete(started.id, force=True, sink=ear)

    assert [event.record.state for event in ear.heard if event.action == "deleted"] == ["dead"]
    assert actions(engine, started.id)[-2:] == ["exited", "deleted"]
    assert engine.containers.list() == []
    with pytest.raises(NotFound):
        engine.containers.delete(started.id)


@pytest.mark.parametrize(
    "verb",
    [
        lambda containers: containers.start(NOBODY),
        lambda containers: containers.stop(NOBODY),
        lambda containers: containers.kill(NOBODY),
        lambda containers: containers.delete(NOBODY),
        lambda containers: containers.rename(NOBODY, name="x"),
        lambda containers: containers.restart(NOBODY, operation="op1"),
        lambda containers: containers.pause(NOBODY),
        lambda containers: containers.resume(NOBODY),
        lambda containers: containers.execute(NOBODY, EXEC, operation="op1"),
        lambda containers: containers.once(NOBODY, "op1"),
        lambda containers: containers.wait(NOBODY, timeout_seconds=1),
        lambda containers: list(containers.logs(NOBODY)),
        lambda containers: containers.inspect(NOBODY),
    ],
    ids=lambda verb: verb.__code__.co_names[0],
)
def test_nobody_is_not_found(engine: Engine, verb: Callable[[Any], object]) -> None:
    with pytest.raises(NotFound, match="container"):
        verb(engine.containers)


def test_waiting_is_given_up_in_time(engine: Engine) -> None:
    started = running(engine)
    with pytest.raises(Unavailable):
        engine.containers.wait(started.id, timeout_seconds=0.05)


def test_the_log_resumes_at_a_frame_s_offset(engine: Engine) -> None:
    made = running(engine, shell("echo one; echo two"))
    engine.containers.wait(made.id, timeout_seconds=20)
    frames = list(engine.containers.logs(made.id))

    assert output(engine, made.id) == b"one\ntwo\n"
    assert frames[-1].offset == 8
    assert [frame.offset for frame in frames] == sorted(frame.offset for frame in frames)
    assert all(frame.stream == "stdout" and frame.gap == 0 for frame in frames)
    assert output(engine, made.id, LogQuery(offset=frames[-1].offset)) == b""
    assert output(engine, made.id, LogQuery(since_ns=time.time_ns())) == b""
    assert output(engine, made.id, LogQuery(since_ns=frames[0].time_ns)) == b"one\ntwo\n"


def test_who_asks_for_a_log_wrongly_is_refused_before_the_first_frame(engine: Engine) -> None:
    made = engine.containers.create(SLEEPER)
    with pytest.raises(InvalidSpec, match="tail"):
        engine.containers.logs(made.id, since=LogQuery(tail=10**9))
    with pytest.raises(NotFound, match="container"):
        engine.containers.logs(NOBODY)


@pytest.mark.parametrize("follow", [False, True])
def test_batches_hold_what_single_frames_do(engine: Engine, follow: bool) -> None:
    made = running(engine, shell("echo one; echo two"))
    engine.containers.wait(made.id, timeout_seconds=20)

    batches = list(engine.containers.log_batches(made.id, follow=follow))

    assert all(batches)
    frames = [frame for batch in batches for frame in batch]
    assert frames == list(engine.containers.logs(made.id))


def test_following_ends_with_the_container(engine: Engine) -> None:
    made = running(engine, shell("echo one; exit 0"))
    frames = list(engine.containers.logs(made.id, follow=True))

    assert b"".join(frame.data for frame in frames) == b"one\n"


def test_following_ends_when_told(engine: Engine) -> None:
    started = running(engine)

    assert list(engine.containers.logs(started.id, follow=True, stop=lambda: True)) == []


def test_a_discarded_event_waits_no_more(engine: Engine) -> None:
    made = engine.containers.create(SLEEPER)
    assert engine.events.wait(0)
    for waiting in list(engine.events.pending()):
        engine.events.discard(waiting)
        engine.events.discard(waiting)

    assert events(engine, made.id) == []
    assert not engine.events.wait(0.01)


def test_events_are_in_the_order_in_which_they_happened(engine: Engine) -> None:
    for _ in range(3):
        running(engine)
    times = [waiting.event.time_ns for waiting in engine.events.pending()]

    assert len(times) == 6
    assert times == sorted(times)


def test_recovering_a_healthy_engine_does_nothing(engine: Engine) -> None:
    before = running(engine)

    assert engine.containers.recover() == ()
    assert engine.containers.inspect(before.id) == before


def test_the_starter_is_listed_and_in_use(engine: Engine) -> None:
    made = engine.containers.create(SLEEPER)
    listed = engine.images.list("default")
    with pytest.raises(Conflict, match="web"):
        engine.images.delete("default", "starter", in_use={made.image_id: "web"})

    assert [image.references[0].rpartition("/")[2] for image in listed] == ["starter:latest"]
    assert engine.images.resolve("default", "starter").id == made.image_id
