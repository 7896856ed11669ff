"""The loop that keeps processes running, with real ones."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from panel.host.bootstrap import CHECKOUT
from panel.host.identity import ProcessIdentity
from panel.host.output import Output
from panel.host.spawn import Program
from panel.host.supervisor import Supervisor

SHELL = "/bin/sh"


def program(name: str, script: str, *, stop_seconds: float = 5.0) -> Program:
    return Program(
        name=name,
        argv=(SHELL, "-c", script),
        environment={"PATH": os.defpath},
        stop_seconds=stop_seconds,
    )


class Watched:
    """A supervisor whose children and lines a test can see."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()
        self.children: dict[str, ProcessIdentity] = {}
        self.supervisor = Supervisor(Output(self.stream), changed=self._note)
        self._steps: list[Callable[[dict[str, ProcessIdentity]], None]] = []

    def then(self, step: Callable[[dict[str, ProcessIdentity]], None]) -> None:
        self._steps.append(step)

    def _note(self, children: dict[str, ProcessIdentity]) -> None:
        self.children = children
        if self._steps:
            self._steps.pop(0)(children)

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().decode().splitlines()


def ask_to_stop(_: object = None) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_killed_child_is_started_again() -> None:
    watched = Watched()
    seen: list[int] = []

    def kill_it(children: dict[str, ProcessIdentity]) -> None:
        seen.append(children["web"].pid)
        children["web"].send(signal.SIGKILL)

    def stop_when_back(children: dict[str, ProcessIdentity]) -> None:
        seen.append(children["web"].pid)
        ask_to_stop()

    watched.then(kill_it)
    watched.then(lambda children: seen.append(len(children)))
    watched.then(stop_when_back)
    watched.supervisor.keep(program("web", "sleep 60", stop_seconds=60))
    began = time.monotonic()

    watched.supervisor.run()

    first, left, second = seen
    assert time.monotonic() - began < 10  # the second was asked to stop before it was a program
    assert (left, first != second) == (0, True)
    assert "moorage  | web was killed by SIGKILL; it is started again" in watched.lines


def test_what_runs_once_tells_its_status_and_is_not_started_again() -> None:
    watched = Watched()
    statuses: list[int] = []

    def finished(status: int) -> None:
        statuses.append(status)
        ask_to_stop()

    watched.supervisor.run_once(program("probe", "exit 7"), finished)
    watched.supervisor.run()

    assert statuses == [7]


def test_last_words_are_shown_before_the_end_is_told() -> None:
    watched = Watched()
    watched.then(lambda _: None)
    watched.then(ask_to_stop)
    watched.supervisor.keep(program("web", "echo last words; exit 3"))

    watched.supervisor.run()

    assert watched.lines[:2] == [
        "web      | last words",
        "moorage  | web ended with status 3; it is started again",
    ]


def test_a_child_that_ignores_the_request_is_killed_when_its_time_is_over() -> None:
    watched = Watched()
    deaf = "trap '' TERM; echo deaf; while :; do sleep 0.1; done"
    watched.supervisor.keep(program("web", deaf, stop_seconds=0.3))
    pid = watched.children["web"].pid
    while "deaf" not in "".join(watched.lines):
        watched.supervisor._turn(0.1)

    ask_to_stop_later()
    watched.supervisor.run()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def ask_to_stop_later() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    signal.signal(signal.SIGALRM, lambda *_: ask_to_stop())


def test_a_second_request_does_not_wait() -> None:
    watched = Watched()
    watched.supervisor.keep(program("web", "trap '' TERM; sleep 60 & wait; wait", stop_seconds=60))
    began = time.monotonic()

    def twice(*_: object) -> None:
        ask_to_stop()
        ask_to_stop()

    signal.signal(signal.SIGALRM, twice)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    watched.supervisor.run()

    assert time.monotonic() - began < 10


def test_the_first_program_ends_last() -> None:
    watched = Watched()
    say = "trap 'echo over; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    for name in ("valkey", "web"):
        watched.supervisor.keep(program(name, say))
    while "".join(watched.lines).count("up") < 2:
        watched.supervisor._turn(0.1)

    ask_to_stop_later()
    watched.supervisor.run()

    over = [line for line in watched.lines if line.endswith("over")]
    assert over == ["web      | over", "valkey   | over"]


def test_children_end_with_a_killed_supervisor(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    starter = textwrap.dedent(
        """
        import sys
        from panel.host.output import Output
        from panel.host.spawn import Program
        from panel.host.supervisor import Supervisor
        supervisor = Supervisor(Output(sys.stdout.buffer), changed=lambda _: None)
        script = f"echo $$ > {sys.argv[1]}.new; mv {sys.argv[1]}.new {sys.argv[1]}; exec sleep 60"
        supervisor.keep(Program(name="web", argv=("/bin/sh", "-c", script), environment={}))
        supervisor.run()
        """
    )
    with subprocess.Popen([sys.executable, "-c", starter, str(file)], cwd=CHECKOUT) as supervisor:
        until(file.exists)
        child = ProcessIdentity.of(int(file.read_text()))

        supervisor.kill()

        assert child.wait(5)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_program_that_is_not_there_is_told_by_name() -> None:
    watched = Watched()
    watched.then(lambda _: None)
    watched.then(ask_to_stop)
    missing = Program(name="web", argv=("/nowhere/python3",), environment={})
    watched.supervisor.keep(missing)

    watched.supervisor.run()

    assert watched.lines[0].startswith("web      | web cannot be started:")
