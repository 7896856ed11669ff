"""A kill or exec whose worker is killed in the middle never takes effect twice."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.conftest import Counts
from tests.e2e.conftest import a_platform
from tests.e2e.fleet import Fleet

pytestmark = pytest.mark.e2e
LONGEST_SECONDS = 0.06
"""After so long a worker has handed an operation over, most of the time."""


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with a_platform() as platform:
        platform.until(platform.healthy)
        found = Fleet(platform)
        found.load()
        yield found


def kill_the_worker(fleet: Fleet, rng: random.Random) -> None:
    """Kill the fast worker a moment from now, and wait for the next one."""
    pid = fleet.platform.pid("fast")
    time.sleep(rng.uniform(0, LONGEST_SECONDS))
    fleet.platform.kill("fast")
    fleet.platform.until(lambda: fleet.platform.status()["processes"].get("fast", pid) != pid)


def test_an_exec_takes_effect_once_or_says_that_it_was_interrupted(
    fleet: Fleet, counts: Counts, rng: random.Random
) -> None:
    one = fleet.run("effects", "sleep 1000")
    statuses = {}

    for number in range(counts(6, full=60)):
        command = ["sh", "-c", f"echo {number} >> /tmp/effects; sleep 0.05; echo said"]
        queued = fleet.ask("POST", f"/containers/{one}/exec", {"command": command}, expect=[202])
        kill_the_worker(fleet, rng)
        statuses[number] = fleet.ended(queued["id"])

    shown = fleet.ask(
        "POST", f"/containers/{one}/exec", {"command": ["cat", "/tmp/effects"]}, expect=[202]
    )
    effects = Counter(int(line) for line in fleet.ended(shown["id"])["result"]["stdout"].split())
    for number, operation in statuses.items():
        if operation["status"] == "succeeded":
            assert effects[number] == 1, operation
            assert operation["result"]["stdout"] == "said\n"
        else:
            assert operation["error"]["code"] == "interrupted", operation
            assert effects[number] <= 1
    fleet.delete(one)


def test_a_signal_is_sent_once_or_says_that_it_was_interrupted(
    fleet: Fleet, counts: Counts, rng: random.Random
) -> None:
    one = fleet.run("signals", 'trap "echo got" USR1; echo up; while :; do sleep 0.02; done')
    fleet.platform.until(lambda: "up" in fleet.output(one))
    statuses = []

    for _ in range(counts(6, full=60)):
        before = fleet.output(one).count("got")
        queued = fleet.ask("POST", f"/containers/{one}/kill", {"signal": "USR1"}, expect=[202])
        kill_the_worker(fleet, rng)
        operation = fleet.ended(queued["id"])
        time.sleep(0.3)
        sent = fleet.output(one).count("got") - before
        statuses.append(operation["status"])
        if operation["status"] == "succeeded":
            assert sent == 1, operation
        else:
            assert operation["error"]["code"] == "interrupted", operation
            assert sent <= 1

    assert statuses
    fleet.delete(one)
