"""A check is run again and again, one process at a time, and its results are told."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from runtime.errors import Exhausted, InvalidSpec
from runtime.events import ContainerRecord, HealthRecord
from runtime.isolation.launch import Joining, Launched
from runtime.shim import health
from runtime.shim.body import Body
from runtime.shim.chronicle import Chronicle
from runtime.shim.conduct import Check
from runtime.shim.leftover import Leftover
from runtime.shim.loop import Loop
from runtime.shim.probes import Probes
from runtime.shim.run import Run
from runtime.state import boot, schema, spool
from runtime.state.records import Ledger, State, Stopping

RECORD = ContainerRecord(
    id="ab" * 16,
    version=1,
    namespace="default",
    spec={"image": "x"},
    image_id="sha256:1",
    command=("sh",),
    state="running",
    created_ns=1,
    health=health.begun(None),
)
CHECK = Check(
    args=("true",),
    interval_seconds=0.1,
    timeout_seconds=20.0,
    start_period_seconds=0.0,
    start_interval_seconds=0.1,
    retries=2,
)
RUN = cast(Run, object())


class OnThisMachine:
    """In place of a container: each probe is a process of its own group, joined at once."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.most = 0
        self.refuse: Exception | None = None
        self.joined: type[Joined] = Joined

    def begin_join(self, run: Run, spec: Mapping[str, Any], stdio: tuple[int, int, int]) -> Joining:
        if self.refuse is not None:
            raise self.refuse
        self.most = max(self.most, sum(is_there(pid) for pid in self.begun) + 1)
        moves = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(stdio)]
        command = spec["command"]
        pid = os.posix_spawnp(command[0], command, {**os.environ}, file_actions=moves, setsid=True)
        self.begun.append(pid)
        return cast(Joining, self.joined(pid))


class Joined:
    """A join that is over as soon as it is heard."""

    def __init__(self, pid: int) -> None:
        self.fd, writing = os.pipe()
        os.close(writing)
        self.pid = pid

    def hear(self) -> bool:
        return True

    def judge(self) -> Launched:
        os.close(self.fd)
        return Launched(self.pid, os.pidfd_open(self.pid))


class Refused(Joined):
    """A join that comes to nothing."""

    def judge(self) -> Launched:
        os.close(self.fd)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        raise InvalidSpec("command", "there is no such program")


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def ended(pid: int) -> bool:
    """Say whether a process is gone; one that its parent has yet to reap is."""
    try:
        return b") Z " in Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return True


class Scene:
    """A record on disk, a loop, and probes of a container that runs."""

    def __init__(self, root: Path) -> None:
        self.directory = root / RECORD.id
        self.spool = root / "spool"
        self.directory.mkdir()
        self.spool.mkdir()
        state = State(record=RECORD, boot="b", run=1)
        for name, body in (("spec", dict(RECORD.spec)), ("state", state.to_json())):
            (self.directory / f"{name}.json").write_bytes(schema.encode(body))
        self.loop = Loop()
        self.body = OnThisMachine()
        self.ledger = Ledger(str(self.directory), str(self.spool))

    def probes(self, *command: str, **wishes: Any) -> Probes:
        """Return probes that have begun."""
        check = replace(CHECK, args=command, **wishes)
        chronicle = Chronicle(self.ledger, self.loop)
        leftover = Leftover(str(self.directory), "this boot")
        probes = Probes(check, self.loop, chronicle, cast(Body, self.body), leftover)
        probes.begin(RUN)
        return probes

    @property
    def health(self) -> HealthRecord:
        found = self.ledger.load().record.health
        assert found is not None
        return found

    def until(self, holds: Callable[[], bool], seconds: float = 20.0) -> None:
        """Serve the loop until something holds."""
        deadline = time.monotonic() + seconds

        def look() -> None:
            assert time.monotonic() < deadline, "waited in vain"
            if holds():
                self.loop.stop()
            else:
                self.loop.after(0.01, look)

        self.loop._running = True
        look()
        self.loop.run()

    def serve(self, seconds: float) -> None:
        """Serve the loop for a while."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end)

    def told(self) -> list[tuple[str, str]]:
        """Return action and status of each event."""
        events = [one.event for one in spool.pending(str(self.spool))]
        return [(one.action, one.record.health.status) for one in events if one.record.health]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    for pid in scene.body.begun:
        with suppress(ProcessLookupError):
            os.killpg(pid, 9)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


def shell(script: str) -> tuple[str, str, str]:
    return ("sh", "-c", script)


def test_results_are_kept_and_only_a_change_of_status_is_an_event(scene: Scene) -> None:
    scene.probes(*shell("echo well; echo to stderr >&2"))
    scene.until(lambda: len(scene.health.log) == 3)

    assert scene.health.status == "healthy"
    assert [one.exit_code for one in scene.health.log] == [0, 0, 0]
    assert {one.output for one in scene.health.log} == {"well\nto stderr\n"}
    assert all(one.started_ns < one.finished_ns for one in scene.health.log)
    assert scene.told() == [("health", "healthy")]
    assert scene.ledger.load().record.version == 2


def test_the_first_probe_comes_after_one_interval(scene: Scene) -> None:
    scene.probes("true", interval_seconds=60.0)
    scene.serve(0.3)

    assert scene.body.begun == []


def test_failures_lead_to_unhealthy_and_a_success_back(scene: Scene, tmp_path: Path) -> None:
    scene.probes(*shell(f"test -e {tmp_path}/well"))
    scene.until(lambda: scene.health.status == "unhealthy")
    assert scene.health.failing_streak == 2
    (tmp_path / "well").touch()
    scene.until(lambda: scene.health.status == "healthy")

    assert scene.health.failing_streak == 0
    assert scene.told() == [("health", "unhealthy"), ("health", "healthy")]


def test_what_takes_too_long_is_killed_with_all_that_it_began(scene: Scene) -> None:
    scene.probes(*shell("sleep 1000 & echo $!; sleep 1000"), timeout_seconds=0.3, retries=1)
    scene.until(lambda: scene.health.status == "unhealthy")
    result = scene.health.log[0]

    assert result.exit_code is None
    assert "longer than 0.3 s" in result.error
    scene.until(lambda: ended(int(result.output)))
    scene.until(lambda: not is_there(scene.body.begun[0]))


def test_there_are_never_two_at_once(scene: Scene) -> None:
    scene.probes(*shell("sleep 0.25"), timeout_seconds=0.2)
    scene.until(lambda: len(scene.body.begun) >= 4)

    assert scene.body.most == 1


def test_what_a_probe_leaves_behind_does_not_hold_its_result_up(scene: Scene) -> None:
    scene.probes(*shell("echo said; sleep 2 & exit 4"))
    scene.until(lambda: len(scene.health.log) == 1, seconds=1.5)

    assert (scene.health.log[0].exit_code, scene.health.log[0].output) == (4, "said\n")


def test_output_is_read_to_its_end_and_its_beginning_kept(scene: Scene) -> None:
    scene.probes(*shell("head -c 300000 /dev/zero | tr '\\0' x"))
    scene.until(lambda: len(scene.health.log) == 1)

    assert scene.health.log[0].exit_code == 0
    assert scene.health.log[0].output == "x" * 4096


def test_what_cannot_be_begun_has_failed(scene: Scene) -> None:
    scene.body.refuse = Exhausted("too many processes")
    scene.probes("true", retries=1)
    scene.until(lambda: scene.health.status == "unhealthy")

    assert (scene.health.log[0].exit_code, scene.health.log[0].error) == (
        None,
        "too many processes",
    )


def test_what_the_container_refuses_has_failed(scene: Scene) -> None:
    scene.body.joined = Refused
    scene.probes("sleep", "100", retries=1)
    scene.until(lambda: scene.health.status == "unhealthy")

    assert "no such program" in scene.health.log[0].error


def test_while_it_is_held_nothing_is_begun_and_nothing_counts(scene: Scene) -> None:
    probes = scene.probes(*shell("sleep 1000"), retries=1)
    scene.until(lambda: len(scene.body.begun) == 1)
    probes.hold()
    scene.serve(0.4)
    assert (len(scene.body.begun), is_there(scene.body.begun[0])) == (1, False)
    assert scene.health == RECORD.health
    probes.go_on()
    scene.until(lambda: len(scene.body.begun) == 2)

    assert scene.told() == []


def test_the_end_of_a_run_ends_its_probe(scene: Scene) -> None:
    probes = scene.probes(*shell("sleep 1000"), retries=1)
    scene.until(lambda: len(scene.body.begun) == 1)
    probes.over()
    scene.until(lambda: not is_there(scene.body.begun[0]))
    scene.serve(0.3)

    assert (len(scene.body.begun), scene.health) == (1, RECORD.health)


def test_how_it_fares_while_it_is_being_stopped_says_nothing(scene: Scene) -> None:
    wish = Stopping(operation=None, deadline_ns=boot.uptime_ns())
    scene.ledger.note(lambda state: replace(state, stopping=wish))
    scene.probes("false", retries=1)
    scene.until(lambda: len(scene.body.begun) == 2)

    assert (scene.health, scene.told()) == (RECORD.health, [])


def test_the_end_of_the_first_process_is_no_failure_of_the_probe_that_it_takes(
    scene: Scene,
) -> None:
    first = os.posix_spawnp("true", ["true"], {**os.environ})
    start = boot.start_time(first)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    record = replace(RECORD, pid=first)
    scene.ledger.note(lambda state: replace(state, record=record, pid_start=start))
    scene.probes(*shell("kill -9 $$"), retries=1)
    scene.until(lambda: len(scene.body.begun) == 2)
    os.waitpid(first, 0)

    assert (scene.health, scene.told()) == (RECORD.health, [])


def test_a_successor_goes_on_from_what_is_on_disk_and_ends_what_was_left(scene: Scene) -> None:
    scene.probes("false", retries=3)
    scene.until(lambda: scene.health.failing_streak == 2)
    left = os.posix_spawnp("sleep", ["sleep", "1000"], {**os.environ}, setsid=True)
    scene.body.begun.append(left)
    Leftover(str(scene.directory), "this boot").note(left)
    scene.loop = Loop()  # the dead one's is served by nobody

    scene.probes("false", retries=3)
    assert os.waitpid(left, 0)[1] == 9
    scene.until(lambda: scene.health.status == "unhealthy")

    assert scene.health.failing_streak == 3
    assert len(scene.health.log) == 3


@pytest.mark.parametrize("name", ["another boot", "another process"])
def test_somebody_else_s_process_is_left_alone(scene: Scene, name: str) -> None:
    other = os.posix_spawnp("sleep", ["sleep", "1000"], {**os.environ}, setsid=True)
    scene.body.begun.append(other)
    start = boot.start_time(other) or 0
    body = {
        "boot": "another boot" if name == "another boot" else "this boot",
        "pid": other,
        "start": start + (name == "another process"),
    }
    (scene.directory / "probe.json").write_bytes(schema.encode(body))

    assert Leftover(str(scene.directory), "this boot").end() is None
    assert os.waitpid(other, os.WNOHANG) == (0, 0)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"schema":1}', b'{"schema":99,"pid":1}'])
def test_a_note_that_says_nothing_ends_nothing(scene: Scene, content: bytes) -> None:
    (scene.directory / "probe.json").write_bytes(content)

    assert Leftover(str(scene.directory), "this boot").end() is None


def test_a_container_without_a_check_is_left_alone(scene: Scene) -> None:
    chronicle = Chronicle(scene.ledger, scene.loop)
    leftover = Leftover(str(scene.directory), "this boot")
    probes = Probes(None, scene.loop, chronicle, cast(Body, scene.body), leftover)
    probes.begin(RUN)
    probes.hold()
    probes.go_on()
    scene.serve(0.2)
    probes.over()

    assert scene.body.begun == []
