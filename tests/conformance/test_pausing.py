"""Pausing, and acting on several containers or processes at once. The same for every runtime."""

from __future__ import annotations

import json
import time

import pytest

from tests.kernel.lab import until
from tests.kernel.runtimes import Runtime

pytestmark = pytest.mark.kernel


def test_what_is_paused_stands_still_and_what_is_resumed_goes_on(runtime: Runtime) -> None:
    script = "while :; do echo tick >> /ticks; sleep 0.01; done"
    bundle = runtime.bundle("/bin/sh", "-c", script)
    ticks = bundle / "rootfs/ticks"
    box = runtime.create(bundle)
    runtime("start", box)
    until(ticks.exists)

    runtime("pause", box)
    paused, before = runtime.status(box), ticks.stat().st_size
    time.sleep(0.2)
    still = ticks.stat().st_size
    runtime("resume", box)

    assert (paused, still) == ("paused", before)
    assert runtime.status(box) == "running"
    until(lambda: ticks.stat().st_size > before)


def test_what_is_paused_can_be_killed(runtime: Runtime) -> None:
    box = runtime.create(runtime.bundle("/bin/sleep", "1000"))
    runtime("start", box)
    runtime("pause", box)

    runtime("kill", box, "KILL")
    if runtime.program == "crun":  # which leaves the thawing to its caller
        runtime("resume", box)

    until(lambda: runtime.status(box) == "stopped")


def test_what_is_paused_can_be_deleted_by_force(runtime: Runtime) -> None:
    box = runtime.create(runtime.bundle("/bin/sleep", "1000"))
    runtime("start", box)
    runtime("pause", box)

    runtime("delete", "--force", box)

    assert runtime("state", box, check=False).code != 0


def test_what_has_stopped_cannot_be_paused(runtime: Runtime) -> None:
    box = runtime.create(runtime.bundle("/bin/true"))
    runtime("start", box)
    until(lambda: runtime.status(box) == "stopped")

    assert runtime("pause", box, check=False).code != 0


def test_processes_are_listed_by_the_hosts_numbers(runtime: Runtime) -> None:
    box = runtime.create(runtime.bundle("/bin/sh", "-c", "sleep 1000 & wait"))
    runtime("start", box)
    first = runtime.state(box)["pid"]

    def listed() -> list[int]:
        told: list[int] = json.loads(runtime("ps", "--format", "json", box).out)
        return told

    until(lambda: len(listed()) == 2)
    table = runtime("ps", box).out

    assert first in listed()
    assert "PID" in table.splitlines()[0]
    assert {str(pid) for pid in listed()} <= set(table.split())


def test_several_are_killed_and_deleted_by_a_pattern(runtime: Runtime) -> None:
    boxes = [runtime.create(runtime.bundle("/bin/sleep", "1000")) for _ in range(2)]
    other = runtime.create(runtime.bundle("/bin/sleep", "1000"))
    for box in (*boxes, other):
        runtime("start", box)
    pattern = f"^({'|'.join(boxes)})$"

    killed = runtime("kill", "--regex", pattern, "KILL", check=False)
    if runtime.program == "runc":  # which has no such flag
        assert killed.code != 0
        return
    until(lambda: {runtime.status(box) for box in boxes} == {"stopped"})
    runtime("delete", "--regex", pattern)

    assert [runtime("state", box, check=False).code != 0 for box in boxes] == [True, True]
    assert runtime.status(other) == "running"
