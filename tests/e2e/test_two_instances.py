"""Two instances on one machine leave each other alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import a_platform
from tests.e2e.fleet import COUNTING, Fleet, alive

pytestmark = pytest.mark.e2e


@pytest.fixture
def fleets() -> Iterator[tuple[Fleet, Fleet]]:
    with a_platform() as first, a_platform() as second:
        found = (Fleet(first), Fleet(second))
        for one in found:
            one.platform.until(one.platform.healthy)
            one.load()
        yield found


def test_repair_recovery_and_removal_of_one_leave_the_other_alone(
    fleets: tuple[Fleet, Fleet],
) -> None:
    first, second = fleets
    ours = first.run("same-name", COUNTING.format(code=1))
    theirs = second.run("same-name", COUNTING.format(code=2))
    kept = second.pids()

    first.platform.manage("fsck", "--repair")
    first.platform.kill("up")
    first.platform.start()
    first.platform.until(first.platform.healthy)
    first.platform.manage("fsck")
    first.delete(ours)
    first.platform.manage("purge", "--yes")

    assert alive(kept) == [theirs]
    assert second.inspect("same-name")["state"] == "running"
    second.platform.manage("fsck")
    stopped = second.ask("POST", f"/containers/{theirs}/stop", expect=[202])
    assert second.ended(stopped["id"])["status"] == "succeeded"
    assert second.wait(theirs)["exit_code"] == 2
    lines = second.lines(theirs)
    assert lines == list(range(1, len(lines) + 1))


def test_a_container_of_one_is_unknown_to_the_other(fleets: tuple[Fleet, Fleet]) -> None:
    first, second = fleets
    ours = first.run("mine", "sleep 1000")

    assert second.platform.call("GET", f"/api/v1/containers/{ours}").status == 404
    assert (
        second.platform.call("GET", "/api/v1/containers", token=first.platform.token).status == 401
    )
