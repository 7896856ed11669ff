"""Records, marks, exits, events and locks on disk."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.errors import Conflict, InvalidSpec, NotFound, Unavailable
from runtime.events import ContainerRecord, SpooledEvent
from runtime.state import boot, durable, exits, locks, once, schema, spool
from runtime.state.exits import ExitRecord
from runtime.state.instance import instance_id
from runtime.state.records import Cause, Ledger, State, Stopping

RECORD = ContainerRecord(
    id="ab" * 16,
    version=1,
    namespace="default",
    spec={"image": "x"},
    image_id="sha256:1",
    command=("sh",),
    state="created",
    created_ns=1,
)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    directory = tmp_path / RECORD.id
    directory.mkdir()
    (tmp_path / "spool").mkdir()
    (directory / "spec.json").write_bytes(schema.encode(dict(RECORD.spec)))
    state = State(record=RECORD, boot="b", stopping=Stopping(operation="o", deadline_ns=5))
    (directory / "state.json").write_bytes(schema.encode(state.to_json()))
    return Ledger(str(directory), str(tmp_path / "spool"))


def spooled(ledger: Ledger) -> list[SpooledEvent]:
    return list(spool.pending(os.path.dirname(ledger.directory) + "/spool"))


def renamed(state: State) -> State:
    return replace(state, record=replace(state.record, error=state.record.error + "x"))


def test_a_change_raises_the_version_and_spools_one_event(ledger: Ledger) -> None:
    event = ledger.change(Cause(action="updated", operation="op"), renamed)

    assert event.record.version == 2
    assert ledger.load().record == event.record
    assert [waiting.event for waiting in spooled(ledger)] == [event]


def test_a_note_changes_neither_version_nor_spool(ledger: Ledger) -> None:
    ledger.note(lambda state: replace(state, held=True))

    assert (ledger.load().held, ledger.load().record.version) == (True, 1)
    assert ledger.load().stopping == Stopping(operation="o", deadline_ns=5)
    assert spooled(ledger) == []


def test_changes_of_many_threads_are_all_there(ledger: Ledger) -> None:
    def work() -> None:
        for _ in range(20):
            ledger.change(Cause(action="updated"), renamed)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ledger.load().record.version == 161
    assert ledger.load().record.error == "x" * 160
    versions = sorted(waiting.event.record.version for waiting in spooled(ledger))
    assert versions == list(range(2, 162))


def test_no_such_container_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Ledger(str(tmp_path / "none"), str(tmp_path)).load()
    with pytest.raises(NotFound):
        Ledger(str(tmp_path / "none"), str(tmp_path)).change(Cause(action="x"), renamed)


def test_a_newer_schema_is_refused_in_one_sentence(ledger: Ledger) -> None:
    Path(f"{ledger.directory}/state.json").write_text('{"schema": 99}')

    with pytest.raises(Conflict, match="schema 99"):
        ledger.load()


@pytest.mark.parametrize("content", [b"", b"\0\0", b"[]", b'{"x":1}'])
def test_a_torn_record_is_told_as_damaged(ledger: Ledger, content: bytes) -> None:
    Path(f"{ledger.directory}/state.json").write_bytes(content)

    with pytest.raises(Unavailable, match="damaged"):
        ledger.load()


def test_a_once_mark_begins_once(tmp_path: Path) -> None:
    assert once.begin(str(tmp_path), "op") is None
    again = once.begin(str(tmp_path), "op")
    assert again is not None
    assert again.state == "begun"
    assert once.begun(str(tmp_path)) == ["op"]
    once.finish(str(tmp_path), "op", result={"exit_code": 1})

    ended = once.load(str(tmp_path), "op")
    assert ended is not None
    assert (ended.state, ended.result) == ("done", {"exit_code": 1})
    assert once.begun(str(tmp_path)) == []


def test_of_many_beginners_one_wins(tmp_path: Path) -> None:
    won: list[int] = []

    def work(number: int) -> None:
        if once.begin(str(tmp_path), "op") is None:
            won.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(won) == 1


@pytest.mark.parametrize("operation", ["../x", "", "a/b", "x" * 65, "a.json"])
def test_what_is_no_operation_names_no_file(tmp_path: Path, operation: str) -> None:
    with pytest.raises(InvalidSpec, match="operation"):
        once.begin(str(tmp_path), operation)


def test_old_marks_go_and_begun_ones_stay(tmp_path: Path) -> None:
    for number in range(6):
        once.begin(str(tmp_path), f"op{number}")
        os.utime(tmp_path / "once" / f"op{number}.json", ns=(number, number))
        if number != 1:
            once.finish(str(tmp_path), f"op{number}", result={})
            os.utime(tmp_path / "once" / f"op{number}.json", ns=(number, number))
    once.prune(str(tmp_path), keep=2)

    left = [number for number in range(6) if once.load(str(tmp_path), f"op{number}")]
    assert left == [1, 4, 5]


def test_an_exit_is_of_one_run(tmp_path: Path) -> None:
    end = ExitRecord(run=3, exit_code=7, oom_killed=False, finished_ns=9)
    exits.write(str(tmp_path), end)

    assert exits.load(str(tmp_path), run=3) == end
    assert exits.load(str(tmp_path), run=4) is None


def test_a_prepared_event_is_seen_only_once_published(ledger: Ledger) -> None:
    directory = os.path.dirname(ledger.directory) + "/spool"
    event = ledger.change(Cause(action="updated"), renamed)
    spool.discard(directory, spooled(ledger)[0])
    prepared = spool.prepare(directory, event)

    assert spooled(ledger) == []
    assert spool.unpublished(directory) == [prepared]
    assert not spool.wait(directory, 0)
    spool.publish(directory, prepared)
    assert [waiting.event for waiting in spooled(ledger)] == [event]
    assert spool.wait(directory, 0)


def test_an_event_that_cannot_be_shown_waits_for_recovery(ledger: Ledger) -> None:
    directory = os.path.dirname(ledger.directory) + "/spool"
    event = ledger.change(Cause(action="updated"), renamed)
    spool.discard(directory, spooled(ledger)[0])
    prepared = spool.prepare(directory, event)
    in_the_way = Path(directory, prepared.name.removeprefix("."))
    in_the_way.mkdir()

    spool.publish(directory, prepared)
    assert spool.unpublished(directory) == [prepared]
    in_the_way.rmdir()
    spool.publish(directory, prepared)
    assert [waiting.event for waiting in spooled(ledger)] == [event]


def test_waiting_ends_when_an_event_comes(ledger: Ledger) -> None:
    directory = os.path.dirname(ledger.directory) + "/spool"
    timer = threading.Timer(0.05, lambda: ledger.change(Cause(action="updated"), renamed))
    timer.start()

    assert spool.wait(directory, 10)
    timer.join()


def test_a_torn_event_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "00000000000000000001-ab-1.json").write_bytes(b"")

    assert list(spool.pending(str(tmp_path))) == []
    assert os.listdir(tmp_path) == []


def test_only_a_dead_writer_s_draft_is_abandoned(tmp_path: Path) -> None:
    dead = f"state.json.4194305-{'0' * 8}.new"
    (tmp_path / dead).touch()
    (tmp_path / f"state.json.{os.getpid()}-{'0' * 8}.new").touch()
    (tmp_path / "state.json").touch()

    assert durable.abandoned(str(tmp_path)) == [dead]


def test_a_lock_excludes_threads_and_is_given_back(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with locks.hold(path), pytest.raises(Unavailable):
        locks.acquire(path, wait=False)
    with locks.hold(path, shared=True), locks.hold(path, wait=False, shared=True):
        pass


def test_whoever_waited_for_the_lock_of_a_moved_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    path = str(tmp_path / "c" / "lock")
    caught: list[NotFound] = []

    def wait() -> None:
        try:
            os.close(locks.acquire(path))
        except NotFound as error:
            caught.append(error)

    with locks.hold(path):
        waiter = threading.Thread(target=wait)
        waiter.start()
        waiter.join(0.1)
        os.rename(tmp_path / "c", tmp_path / "gone")
    waiter.join()

    assert [error.name for error in caught] == ["c"]


def test_an_instance_has_one_id(tmp_path: Path) -> None:
    path = str(tmp_path / "instance")
    first = instance_id(path)

    assert instance_id(path) == first
    assert len(first) == 8
    Path(path).write_text("nonsense!")
    with pytest.raises(Unavailable):
        instance_id(path)


def test_a_process_has_a_start_time_and_an_ended_one_has_none() -> None:
    assert boot.start_time(os.getpid()) == boot.start_time(os.getpid())
    assert boot.start_time(4_194_305) is None


def test_records_are_plain_json(ledger: Ledger) -> None:
    plain = json.loads(Path(f"{ledger.directory}/state.json").read_text())

    assert plain["schema"] == 1
    assert "spec" not in plain["record"]
