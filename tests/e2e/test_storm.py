"""Many operations at once while a worker is killed: none lost, none twice."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from panel.host.proof.postgres import private_server
from runtime.engine import Engine
from tests.conftest import Counts
from tests.e2e.conftest import a_platform
from tests.e2e.fleet import Fleet

pytestmark = pytest.mark.e2e
KILLS = 5


@pytest.fixture(params=["sqlite", "postgres"])
def fleet(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    if request.param == "sqlite":
        with a_platform() as platform:
            yield Fleet(platform)
        return
    with private_server() as url, a_platform(DATABASE_URL=url) as platform:
        yield Fleet(platform)


def test_every_create_of_a_storm_takes_effect_once(
    fleet: Fleet, counts: Counts, rng: random.Random
) -> None:
    total = counts(60, full=200)
    fleet.platform.until(fleet.platform.healthy)
    fleet.load()

    def submit(number: int) -> dict[str, str]:
        queued: dict[str, str] = fleet.persist(lambda: fleet.queue(f"storm-{number}", "sleep 1000"))
        return queued

    with ThreadPoolExecutor(16) as pool:
        submitted = [pool.submit(submit, number) for number in range(total)]
        for _ in range(KILLS):
            time.sleep(rng.uniform(0.3, 2.0))
            fleet.platform.until(lambda: "fast" in fleet.platform.status()["processes"])
            fleet.platform.kill("fast")
        operations = [one.result() for one in submitted]

    ended = [fleet.ended(one["id"], 300) for one in operations]
    assert Counter(one["status"] for one in ended) == {"succeeded": total}
    assert len({one["target"] for one in ended}) == total
    listed = fleet.all()
    assert Counter(one["state"] for one in listed) == {"running": total}
    assert {one["name"] for one in listed} == {f"storm-{number}" for number in range(total)}
    with Engine.open(fleet.config) as engine:
        real = engine.containers.list()
    assert {one.id for one in real} == {one["id"] for one in listed}
    assert Counter(one.state for one in real) == {"running": total}
    assert Counter(events(fleet, "container.created").values()) == {1: total}
    assert Counter(events(fleet, "container.started").values()) == {1: total}


def events(fleet: Fleet, kind: str) -> Counter[str]:
    """Count the events of one kind for each container, over the whole log."""
    answer = fleet.platform.call("GET", "/api/v1/events?since=0")
    rows = [json.loads(line) for line in answer.body.splitlines()]
    assert [row["seq"] for row in rows] == sorted({row["seq"] for row in rows})
    return Counter(row["container"] for row in rows if row["kind"] == kind)
