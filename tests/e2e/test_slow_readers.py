"""A follower that never reads costs the web process next to nothing."""

from __future__ import annotations

import base64
import os
import socket
import time
from contextlib import ExitStack

import pytest

from tests.e2e.conftest import Platform
from tests.e2e.fleet import Fleet
from tests.e2e.test_limits import fleet

pytestmark = pytest.mark.e2e
MIB = 1024 * 1024
FOLLOWERS = 4
__all__ = ["fleet"]


def anonymous_bytes(pid: int) -> int:
    """Return the memory of a process that no file backs (proc_pid_status(5))."""
    with open(f"/proc/{pid}/status") as file:
        line = next(line for line in file if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


def open_and_never_read(platform: Platform, path: str, *headers: str) -> socket.socket:
    """Send a request and read nothing of the answer, ever."""
    connection = socket.create_connection(("127.0.0.1", platform.port))
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{platform.port}",
        f"Authorization: Bearer {platform.token}",
        *headers,
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


def websocket_headers() -> list[str]:
    key = base64.b64encode(os.urandom(16)).decode()
    return [
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
    ]


@pytest.mark.parametrize("way", ["rest", "websocket"])
def test_a_follower_that_never_reads_costs_little(fleet: Fleet, way: str) -> None:
    one = fleet.run(f"loud-{way}", "yes 'a line that goes on and on and on and on and on'")
    rest = f"/api/v1/containers/{one}/logs?follow=1"
    path, headers = (
        (rest, [])
        if way == "rest"
        else (f"/ws/containers/{one}/logs?offset=0", websocket_headers())
    )
    pid = fleet.platform.pid("web")
    with open_and_never_read(fleet.platform, path, *headers):
        time.sleep(2)
    time.sleep(1)
    before = anonymous_bytes(pid)

    with ExitStack() as opened:
        for _ in range(FOLLOWERS):
            opened.enter_context(open_and_never_read(fleet.platform, path, *headers))
        time.sleep(6)
        grown = anonymous_bytes(pid) - before

    assert fleet.inspect(one)["state"] == "running"
    assert grown / FOLLOWERS < 5 * MIB, f"{grown / FOLLOWERS / MIB:.1f} MiB for each follower"
    fleet.delete(one)
