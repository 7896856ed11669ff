"""Whatever of the platform is killed: containers go on, nothing they print is lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.conftest import Counts
from tests.e2e.conftest import a_platform
from tests.e2e.fleet import COUNTING, Fleet, alive, parent

pytestmark = pytest.mark.e2e
VICTIMS = ("web", "fast", "bulk", "agent", "zygote", "valkey", "up")
BACK_SECONDS = 30.0


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with a_platform() as platform:
        platform.until(platform.healthy)
        found = Fleet(platform)
        found.load()
        yield found


def kill(fleet: Fleet, victim: str) -> None:
    """Kill one process with SIGKILL; where it was `up`, run it again as a user would."""
    if victim == "zygote":
        os.kill(fleet.zygote(), signal.SIGKILL)
        return
    fleet.platform.kill(victim)
    if victim == "up":
        fleet.platform.start()


def recover(fleet: Fleet, victim: str) -> None:
    """Wait until all processes are fresh again; the failure names what is missing."""
    try:
        fleet.platform.until(fleet.platform.healthy, BACK_SECONDS)
    except AssertionError:
        missing = fleet.platform.call("GET", "/healthz").body
        raise AssertionError(f"{victim} was killed: {missing!r}") from None


def test_containers_outlive_every_process_of_the_platform(fleet: Fleet, counts: Counts) -> None:
    codes = {fleet.run(f"counter-{n}", COUNTING.format(code=n)): n for n in range(10)}
    pids = fleet.pids()
    assert len(pids) == 10
    queued = []

    for round_ in range(counts(1, full=5)):
        for victim in VICTIMS:
            kill(fleet, victim)
            name = f"meanwhile-{round_}-{victim}"
            queued.append(fleet.persist(lambda name=name: fleet.queue(name, f"echo {name}")))  # type: ignore[misc]
            recover(fleet, victim)
            assert sorted(alive(pids)) == sorted(codes), victim

    for operation in queued:
        assert fleet.ended(operation["id"])["status"] == "succeeded", operation
    for one, code in codes.items():
        stopped = fleet.ask("POST", f"/containers/{one}/stop", expect=[202])
        assert fleet.ended(stopped["id"])["status"] == "succeeded"
        assert fleet.wait(one) == {"exit_code": code, "oom_killed": False}
        lines = fleet.lines(one)
        assert len(lines) > 20
        assert lines == list(range(1, len(lines) + 1)), f"container {code} lost lines"
    fleet.delete(*codes, *(operation["target"] for operation in queued))


def test_codes_of_containers_that_end_while_nothing_serves_are_kept(fleet: Fleet) -> None:
    codes = {fleet.run(f"ends-{n}", f"sleep 3; echo done; exit {n}"): n for n in range(10, 14)}

    fleet.platform.kill("up")
    time.sleep(5)
    fleet.platform.start()
    fleet.platform.until(fleet.platform.healthy, BACK_SECONDS)

    for one, code in codes.items():
        assert fleet.wait(one)["exit_code"] == code
        assert fleet.output(one) == "done\n"
    fleet.delete(*codes)


def test_a_killed_shim_has_a_successor_that_loses_no_line(fleet: Fleet) -> None:
    one = fleet.run("orphan", COUNTING.format(code=7))
    pid, _ = fleet.pids()[one]
    os.kill(parent(pid), signal.SIGKILL)
    before = len(fleet.lines(one))
    fleet.platform.until(lambda: len(fleet.lines(one)) > before + 10)
    stopped = fleet.ask("POST", f"/containers/{one}/stop", expect=[202])

    assert fleet.ended(stopped["id"])["status"] == "succeeded"
    assert fleet.wait(one)["exit_code"] == 7
    lines = fleet.lines(one)
    assert lines == list(range(1, len(lines) + 1))
    fleet.delete(one)
