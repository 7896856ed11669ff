"""How fast a container's output is stored, read back and followed, and what its shim needs.

`python -m benchmarks.logs --megabytes 300 --lines 100 --out FILE`, as root. Through the engine, on
an instance of its own; then, unless `--no-rest`, through REST and a WebSocket of a whole platform.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from benchmarks.log_engine import flood, followers, store_and_read
from benchmarks.moorage import private_engine
from benchmarks.samples import machine
from tests.e2e.conftest import Platform, a_platform
from tests.e2e.fleet import Fleet

SCRIPT = 'while :; do read up rest < /proc/uptime; echo "at $up"; sleep 0.05; done'
"""Prints the machine's uptime, which both sides read from the same clock."""
RESOLUTION_MS = 10.0
"""/proc/uptime counts hundredths of a second, cut off: half of that is added on the average."""


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and keep the raw samples where asked to."""
    options = _parser().parse_args(arguments)
    found: dict[str, Any] = {"machine": machine(), "megabytes": options.megabytes}
    with private_engine() as own:
        found |= store_and_read(own, options.megabytes, options.rounds)
        found |= followers(own, options.lines)
    if not options.no_rest:
        with a_platform() as platform:
            platform.until(platform.healthy)
            fleet = Fleet(platform)
            fleet.load()
            found["rest_mb_s"] = over_rest(fleet, options.megabytes, options.rounds)
            found["websocket_ms"] = over_websocket(fleet, options.lines)
    sys.stdout.write(report(found) + "\n")
    if options.out:
        Path(options.out).write_text(json.dumps(found, indent=1))
    return 0


def report(found: dict[str, Any]) -> str:
    """Return the figures as text."""
    lines = [f"{found['megabytes']} MB of lines of 100 bytes; lines from written to received"]
    for name, samples in found.items():
        if not isinstance(samples, list):
            continue
        ordered = sorted(samples)
        p90 = ordered[int(len(ordered) * 0.9)]
        lines.append(
            f"{name:18}{len(ordered):6} samples: min {ordered[0]:8.2f}  "
            f"p50 {statistics.median(ordered):8.2f}  p90 {p90:8.2f}  max {ordered[-1]:8.2f}"
        )
    if "websocket_ms" in found:
        lines.append(f"(the WebSocket's clock counts steps of {RESOLUTION_MS:.0f} ms)")
    return "\n".join(lines)


def over_rest(fleet: Fleet, megabytes: int, rounds: int) -> list[float]:
    """Return MB/s of reading a stored log through `GET /containers/{id}/logs`."""
    limits = {"log_bytes": 2 * megabytes * 1_000_000, "log_files": 2}
    container = fleet.run("flood", flood(megabytes), limits=limits)
    fleet.wait(container)
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        size = _download(fleet.platform, f"/api/v1/containers/{container}/logs")
        found.append(megabytes / (time.perf_counter() - began))
        if size != megabytes * 1_000_000:
            raise RuntimeError(f"{size} bytes of {megabytes} MB came back")
    fleet.delete(container)
    return found


def over_websocket(fleet: Fleet, lines: int) -> list[float]:
    """Return ms from a line's being printed until a client of the WebSocket has it."""
    platform = fleet.platform
    container = fleet.run("ticker", SCRIPT)
    url = f"ws://127.0.0.1:{platform.port}/ws/containers/{container}/logs?offset=0"
    headers = {"Authorization": f"Bearer {platform.token}"}
    with connect(url, additional_headers=headers) as socket:
        return latencies(socket, lines)


def _download(platform: Platform, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", platform.port, timeout=120)
    connection.request("GET", path, headers={"Authorization": f"Bearer {platform.token}"})
    answer = connection.getresponse()
    size = 0
    while part := answer.read(65_536):
        size += len(part)
    connection.close()
    return size


def latencies(socket: ClientConnection, lines: int) -> list[float]:
    """Read as many lines and return the age of each in ms; the backlog is not counted."""
    found: list[float] = []
    skipped = 10
    while len(found) < lines:
        message = json.loads(socket.recv(timeout=30))
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        socket.send(json.dumps({"ack": message["offset"]}))
        for line in message["data"].splitlines():
            if skipped:
                skipped -= 1
            elif line.startswith("at "):
                found.append((now - float(line.removeprefix("at "))) * 1e3)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.logs", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=300, help="to print (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of each (default %(default)s)")
    parser.add_argument("--lines", type=int, default=100, help="to measure (default %(default)s)")
    parser.add_argument("--out", default="", help="file for the raw samples, JSON")
    parser.add_argument("--no-rest", action="store_true", help="leave out the whole platform")
    return parser


if __name__ == "__main__":
    sys.exit(main())
