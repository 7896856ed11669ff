"""How soon a line that a container prints reaches a reader, and what a follower is promised."""

from __future__ import annotations

import json
import statistics
import time
import urllib.request
from datetime import datetime
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.e2e.fleet import Fleet
from tests.e2e.test_limits import fleet

pytestmark = pytest.mark.e2e
LINES = 60
ALLOWED_SECONDS = 0.1
__all__ = ["fleet"]


def age(chunk: dict[str, Any]) -> float:
    """Return how long ago the shim read this chunk."""
    return time.time() - datetime.fromisoformat(chunk["time"]).timestamp()


def open_socket(fleet: Fleet, path: str) -> Any:
    return connect(
        f"ws://127.0.0.1:{fleet.platform.port}{path}",
        additional_headers={"Authorization": f"Bearer {fleet.platform.token}"},
        # With a bound the client cannot be closed while more waits than it takes.
        max_queue=None,
    )


def test_a_line_reaches_the_socket_in_under_100_ms(fleet: Fleet) -> None:
    one = fleet.run("ticking", "while :; do echo tick; sleep 0.05; done")
    ages: list[float] = []

    with open_socket(fleet, f"/ws/containers/{one}/logs?tail=1") as socket:
        while len(ages) < LINES:
            chunk = json.loads(socket.recv(timeout=10))
            ages.append(age(chunk))
            socket.send(json.dumps({"ack": chunk["offset"]}))

    fleet.delete(one)
    assert statistics.median(ages[10:]) < ALLOWED_SECONDS, sorted(ages)


def test_a_line_reaches_a_follower_over_rest_in_under_100_ms(fleet: Fleet) -> None:
    one = fleet.run("ticking", "while :; do echo tick; sleep 0.05; done")
    request = urllib.request.Request(
        f"{fleet.platform.url}/api/v1/containers/{one}/logs?follow=1&tail=1",
        headers={
            "Authorization": f"Bearer {fleet.platform.token}",
            "Accept": "application/x-ndjson",
        },
    )

    with urllib.request.urlopen(request, timeout=30) as answer:
        ages = [age(json.loads(answer.readline())) for _ in range(LINES)]

    fleet.delete(one)
    assert statistics.median(ages[10:]) < ALLOWED_SECONDS, sorted(ages)


def test_a_socket_that_is_opened_again_misses_and_repeats_nothing(fleet: Fleet) -> None:
    one = fleet.run("counting", "n=0; while [ $n -lt 2000 ]; do n=$((n+1)); echo line $n; done")
    text, offset, ended = "", 0, False

    while not ended:
        with open_socket(fleet, f"/ws/containers/{one}/logs?offset={offset}") as socket:
            for _ in range(3):
                message = json.loads(socket.recv(timeout=10))
                if ended := message["type"] == "end":
                    break
                text, offset = text + message["data"], message["offset"]

    fleet.delete(one)
    assert text == "".join(f"line {n}\n" for n in range(1, 2001))


def test_a_follow_over_rest_ends_with_the_container(fleet: Fleet) -> None:
    one = fleet.run("short", "echo first; sleep 1; echo last")

    path = f"/api/v1/containers/{one}/logs?follow=1"
    answer = fleet.platform.call("GET", path)

    fleet.delete(one)
    assert answer.body == b"first\nlast\n"


def test_an_event_reaches_the_socket_soon_after_its_cause(fleet: Fleet) -> None:
    with open_socket(fleet, f"/ws/events?since={newest(fleet)}") as socket:
        operation = fleet.queue("sudden", "true")
        begun = time.monotonic()
        kinds = []
        while "container.exited" not in kinds:
            message = json.loads(socket.recv(timeout=10))
            if message["type"] == "event":
                kinds.append(message["kind"])

    assert time.monotonic() - begun < 3
    fleet.delete(operation["target"])
    assert kinds[0] == "operation.queued"
    assert kinds.index("container.created") < kinds.index("container.started")


def newest(fleet: Fleet) -> int:
    lines = fleet.platform.call("GET", "/api/v1/events?since=0").body.splitlines()
    return int(json.loads(lines[-1])["seq"]) if lines else 0
