"""A session around a real process, with the loop of a shim."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest

from runtime.dialogue import (
    CHUNK,
    INPUT_WINDOW,
    WINDOW,
    Acknowledge,
    Exit,
    HangUp,
    Input,
    Output,
    Resize,
)
from runtime.errors import Unavailable
from runtime.isolation.launch import Launched
from runtime.kernel import process
from runtime.shim.conversation import Conversation, Patience, Streams
from runtime.shim.loop import Loop
from tests.reader import Reader

LONG = Patience()


class Stage:
    """A loop in a thread of its own, with sessions that tests begin."""

    def __init__(self) -> None:
        self._loop = Loop()
        self._asked, self._ask = os.pipe()
        self._wishes: list[Callable[[], None]] = []
        self._loop.watch(self._asked, self._grant)
        self._thread = threading.Thread(target=self._loop.run)
        self._thread.start()
        self.results: list[Mapping[str, Any]] = []
        self.forgotten = threading.Event()
        self.ended = threading.Event()
        self._session: Conversation | None = None
        self._connections: list[socket.socket] = []

    def begin(self, script: str, *, terminal: bool = False, patience: Patience = LONG) -> None:
        launched, streams = on_a_terminal(script) if terminal else on_pipes(script)

        def note(result: Mapping[str, Any]) -> None:
            self.results.append(result)
            self.ended.set()

        def make() -> None:
            self._session = Conversation(
                self._loop,
                launched,
                streams,
                ended=note,
                forget=self.forgotten.set,
                patience=patience,
            )

        self._do(make)

    def attach(self, offset: int = 0) -> Reader:
        session = self._session
        assert session is not None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connections.append(theirs)
        self._do(lambda: session.attach(theirs, offset))
        return Reader(ours)

    def check(self, offset: int) -> None:
        assert self._session is not None
        self._session.check(offset)

    def close(self) -> None:
        session = self._session
        if session is not None and not self.ended.is_set():
            self._do(session.hang_up)
            assert self.ended.wait(20)
        self._do(self._loop.stop)
        self._thread.join()
        for connection in self._connections:  # whose reader left when nobody looked any more
            connection.close()
        os.close(self._asked)
        os.close(self._ask)

    def _do(self, wish: Callable[[], None]) -> None:
        done = threading.Event()
        self._wishes.append(wish)
        self._wishes.append(done.set)
        os.write(self._ask, b"!")
        assert done.wait(10)

    def _grant(self) -> None:
        os.read(self._asked, 64)
        while self._wishes:
            self._wishes.pop(0)()


def on_pipes(script: str) -> tuple[Launched, Streams]:
    pairs = [os.pipe2(os.O_CLOEXEC) for _ in range(3)]
    theirs = (pairs[0][0], pairs[1][1], pairs[2][1])
    actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(theirs)]
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", script], os.environ, file_actions=actions)
    for fd in theirs:
        os.close(fd)
    streams = Streams(input=pairs[0][1], outputs={pairs[1][0]: 1, pairs[2][0]: 2}, terminal=False)
    return Launched(pid, process.pidfd_open(pid)), streams


def on_a_terminal(script: str) -> tuple[Launched, Streams]:
    master, slave = os.openpty()
    name = os.ttyname(slave)
    # Whoever leads a session and opens a terminal is controlled by it.
    actions: list[tuple[Any, ...]] = [(os.POSIX_SPAWN_OPEN, 0, name, os.O_RDWR, 0)]
    actions += [(os.POSIX_SPAWN_DUP2, 0, number) for number in (1, 2)]
    pid = os.posix_spawn(
        "/bin/sh", ["sh", "-c", script], os.environ, file_actions=actions, setsid=True
    )
    os.close(slave)
    streams = Streams(input=os.dup(master), outputs={master: 1}, terminal=True)
    return Launched(pid, process.pidfd_open(pid)), streams


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.close()


def test_output_comes_by_streams_and_then_the_exit_code(stage: Stage) -> None:
    stage.begin("echo out; echo err >&2; exit 3")
    reader = stage.attach()

    assert reader.to_exit() == 3
    assert (reader.text(1), reader.text(2)) == ("out\n", "err\n")
    assert stage.results == [{"exit_code": 3}]
    assert stage.forgotten.wait(5)
    reader.leave()


def test_input_reaches_the_process_and_its_end_too(stage: Stage) -> None:
    stage.begin("cat; echo over")
    reader = stage.attach()
    reader.type("hello ")
    reader.type("world\n")
    reader.half_close()

    assert reader.to_exit() == 0
    assert reader.text() == "hello world\nover\n"
    assert reader.taken == len("hello world\n")
    reader.leave()


def test_a_terminal_has_a_size_that_changes(stage: Stage) -> None:
    stage.begin("stty size; read line; stty size", terminal=True)
    reader = stage.attach()
    reader.until("\n")
    reader.say(Resize(rows=40, columns=132))
    reader.type("\n")

    assert reader.to_exit() == 0
    assert reader.text().endswith("40 132\n")
    reader.leave()


def test_the_last_words_on_a_terminal_are_not_lost(stage: Stage) -> None:
    stage.begin("seq 1 5000; echo the end", terminal=True)
    reader = stage.attach()

    assert reader.to_exit() == 0
    assert reader.text().endswith("4999\n5000\nthe end\n")
    reader.leave()


def test_a_reader_that_does_not_read_stops_the_process_and_nothing_else(stage: Stage) -> None:
    stage.begin("head -c 10000000 /dev/zero; echo done >&2")
    reader = stage.attach()
    while reader.offset < WINDOW:
        assert reader.listen(acknowledge=False)
    reader.connection.settimeout(0.3)
    with pytest.raises(TimeoutError):
        reader.listen()
    assert not stage.ended.is_set()

    reader.connection.settimeout(20)
    reader.say(Acknowledge(reader.offset))
    assert reader.to_exit() == 0
    assert len(reader.shown[1]) == 10_000_000
    assert reader.text(2) == "done\n"
    reader.leave()


def test_a_process_that_does_not_read_leaves_the_output_flowing(stage: Stage) -> None:
    stage.begin("sleep 0.5; seq 1 100000; cat | wc -c")
    reader = stage.attach()
    for _ in range(2):
        reader.say(Input(bytes(INPUT_WINDOW // 2)))
    while reader.taken < INPUT_WINDOW:  # the pipe holds as much
        assert reader.listen()
    for _ in range(2):
        reader.say(Input(bytes(INPUT_WINDOW // 2)))
    reader.half_close()

    assert reader.to_exit() == 0
    assert reader.text().endswith(f"{2 * INPUT_WINDOW}\n")
    reader.leave()


def test_more_input_than_may_be_sent_ahead_sends_the_reader_away(stage: Stage) -> None:
    stage.begin("exec sleep 60", patience=Patience(end_seconds=0.3))
    reader = stage.attach()
    with suppress(BrokenPipeError):  # it hangs up as soon as it is too much
        for _ in range(8):
            reader.say(Input(bytes(INPUT_WINDOW // 2)))
            time.sleep(0.02)
    while reader.listen():
        continue

    assert reader.parted is not None
    assert "ahead" in reader.parted.reason
    assert not stage.ended.is_set()
    reader.leave()


def test_a_reader_that_comes_back_misses_and_repeats_nothing(stage: Stage) -> None:
    stage.begin("seq 1 200000")
    text, offset, code = b"", 0, None
    while code is None:
        reader = stage.attach(offset)
        assert reader.opened.offset == offset
        for _ in range(5):
            reader.listen()
            if reader.exit is not None:
                code = reader.exit.exit_code
        text, offset = text + reader.shown[1], reader.offset
        reader.leave()

    assert text == "".join(f"{n}\n" for n in range(1, 200_001)).encode()


def test_input_is_counted_so_that_it_can_be_sent_again(stage: Stage) -> None:
    stage.begin("cat")
    first = stage.attach()
    first.type("one\n")
    first.until("one\n")
    first.leave()

    second = stage.attach(first.offset)
    assert (second.opened.received, second.opened.taken) == (4, 4)
    second.type("two\n")
    second.half_close()
    assert second.to_exit() == 0
    assert second.text() == "two\n"
    second.leave()


def test_a_second_reader_takes_the_first_one_s_place(stage: Stage) -> None:
    stage.begin("cat")
    first = stage.attach()
    second = stage.attach()
    while first.listen():
        continue

    assert first.parted is not None
    assert "somebody else" in first.parted.reason
    second.type("mine\n")
    second.until("mine\n")
    for reader in (first, second):
        reader.leave()


@pytest.mark.parametrize("terminal", [True, False])
def test_hanging_up_ends_the_process(stage: Stage, terminal: bool) -> None:
    script = "exec sleep 60" if terminal else "exec cat"
    stage.begin(script, terminal=terminal)
    reader = stage.attach()
    reader.say(HangUp())

    assert reader.to_exit() == (129 if terminal else 0)
    reader.leave()


def test_what_does_not_heed_hanging_up_is_killed(stage: Stage) -> None:
    patience = Patience(end_seconds=0.3)
    stage.begin("trap '' HUP; echo set; sleep 60", terminal=True, patience=patience)
    reader = stage.attach()
    reader.until("set")
    reader.say(HangUp())

    assert reader.to_exit() == 137
    reader.leave()


def test_a_session_without_a_reader_is_hung_up_after_the_grace(stage: Stage) -> None:
    stage.begin("exec sleep 60", terminal=True, patience=Patience(grace_seconds=0.3))
    reader = stage.attach()
    time.sleep(0.6)
    assert not stage.ended.is_set()
    reader.leave()

    assert stage.ended.wait(5)
    assert stage.results == [{"exit_code": 129}]


def test_an_ended_session_waits_for_its_reader_within_the_grace(stage: Stage) -> None:
    stage.begin("echo late", patience=Patience(grace_seconds=2.0))
    assert stage.ended.wait(10)
    reader = stage.attach()

    assert reader.to_exit() == 0
    assert reader.text() == "late\n"
    assert stage.forgotten.wait(5)
    reader.leave()


def test_an_ended_session_that_nobody_reads_is_forgotten(stage: Stage) -> None:
    stage.begin("echo nobody", patience=Patience(grace_seconds=0.3))

    assert stage.ended.wait(10)
    assert stage.forgotten.wait(5)


def test_an_offset_of_what_was_never_printed_is_refused(stage: Stage) -> None:
    stage.begin("exec cat")
    with pytest.raises(Unavailable, match="past the end"):
        stage.check(1)


@pytest.mark.parametrize("packet", [b"\xff", b"\x02" + bytes(9)], ids=["no word", "a session's"])
def test_what_a_reader_may_not_say_sends_it_away_alone(stage: Stage, packet: bytes) -> None:
    stage.begin("exec cat")
    reader = stage.attach()
    reader.connection.send(packet)
    while reader.listen():
        continue

    assert reader.parted is not None
    reader.leave()
    again = stage.attach()
    again.type("still here\n")
    again.until("still here\n")
    again.leave()


def test_a_grandchild_that_holds_the_pipes_does_not_hold_the_session(stage: Stage) -> None:
    stage.begin("sleep 5 & echo $!")
    reader = stage.attach()
    began = time.monotonic()

    assert reader.to_exit() == 0
    assert time.monotonic() - began < 3
    os.kill(int(reader.text()), 9)
    reader.leave()


def test_output_is_words_of_bounded_size(stage: Stage) -> None:
    stage.begin("head -c 300000 /dev/zero")
    reader = stage.attach()
    sizes = []
    while not isinstance(word := reader.hear(), Exit):
        assert word is not None
        if isinstance(word, Output):
            sizes.append(len(word.data))
            reader.say(Acknowledge(word.offset))

    assert sum(sizes) == 300_000
    assert max(sizes) <= CHUNK
    reader.leave()


def test_a_reader_that_is_sent_away_hears_why_whatever_it_said_meanwhile(stage: Stage) -> None:
    """A socket that is closed with something unread tells its peer an error first (unix(7))."""
    stage.begin("exec cat")
    first = stage.attach()
    for _ in range(3):
        first.type("x")
    second = stage.attach()
    while first.listen():
        continue

    assert first.parted is not None
    for reader in (first, second):
        reader.leave()
