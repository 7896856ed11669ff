"""What runtimes tell of a container that runs: events. As runc has it; crun has none."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.kernel.runtimes import OURS, Runtime, a_runtime

pytestmark = pytest.mark.kernel

MEBIBYTE = 1 << 20


@pytest.fixture(params=[OURS, "runc"])
def runtime(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    """Yield the runtimes that have events; crun has none."""
    with a_runtime(request.param) as made:
        yield made


def running(runtime: Runtime, *args: str) -> str:
    """Start a container with limits."""
    resources = {"memory": {"limit": 24 * MEBIBYTE}, "pids": {"limit": 77}}
    bundle = runtime.bundle(*args, linux={"resources": resources})
    box = runtime.create(bundle)
    runtime("start", box)
    return box


@contextmanager
def followed(runtime: Runtime, box: str, interval: str) -> Iterator[subprocess.Popen[str]]:
    """Follow the events of a container."""
    words = runtime.command("events", "--interval", interval, box)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as following:
        yield following
        following.kill()


def next_event(following: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for an event."""
    assert following.stdout is not None
    told: dict[str, Any] = json.loads(following.stdout.readline())
    return told


def test_one_sample_says_what_is_used_of_what(runtime: Runtime) -> None:
    box = running(runtime, "/bin/sleep", "1000")

    told = json.loads(runtime("events", "--stats", box).out)

    assert (told["type"], told["id"]) == ("stats", box)
    data = told["data"]
    assert data["pids"] == {"current": 1, "limit": 77}
    assert data["memory"]["usage"]["limit"] == 24 * MEBIBYTE
    assert 0 < data["memory"]["usage"]["usage"] < 24 * MEBIBYTE
    assert data["memory"]["raw"]["pgfault"] > 0
    assert data["cpu"]["usage"]["total"] > 0
    assert {"user", "kernel"} <= data["cpu"]["usage"].keys()


def test_samples_come_till_the_container_has_stopped(runtime: Runtime) -> None:
    box = running(runtime, "/bin/sleep", "1000")

    with followed(runtime, box, "100ms") as following:
        kinds = [next_event(following)["type"] for _ in range(2)]
        runtime("kill", box, "KILL")
        if runtime.program == "runc":  # it waits for events of a group that it has not removed
            following.kill()
        following.communicate(timeout=20)

    assert kinds == ["stats", "stats"]
    assert following.returncode == (-9 if runtime.program == "runc" else 0)


def test_too_little_memory_is_told_at_once(runtime: Runtime) -> None:
    script = "while ! [ -e /go ]; do sleep 0.05; done; tail /dev/zero; sleep 1000"
    box = running(runtime, "/bin/sh", "-c", script)

    with followed(runtime, box, "100ms") as following:
        next_event(following)
        next(runtime.directory.glob("bundle-*/rootfs")).joinpath("go").touch()

        while (told := next_event(following))["type"] == "stats":
            pass

    assert (told["type"], told["id"]) == ("oom", box)
