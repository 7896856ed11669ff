"""How long a line takes from a container's write to a client of the WebSocket.

`python -m benchmarks.logs --lines 100 --out FILE`, as root. The container prints the machine's
uptime, which both sides read from the same clock.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

from benchmarks.samples import machine
from tests.e2e.conftest import a_platform
from tests.e2e.fleet import Fleet

SCRIPT = 'while :; do read up rest < /proc/uptime; echo "at $up"; sleep 0.05; done'
RESOLUTION_MS = 10.0
"""/proc/uptime counts hundredths of a second, cut off: half of that is added on the average."""


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and keep the raw samples where asked to."""
    options = _parser().parse_args(arguments)
    with a_platform() as platform:
        platform.until(platform.healthy)
        fleet = Fleet(platform)
        fleet.load()
        container = fleet.run("ticker", SCRIPT)
        url = f"ws://127.0.0.1:{platform.port}/ws/containers/{container}/logs?offset=0"
        headers = {"Authorization": f"Bearer {platform.token}"}
        with connect(url, additional_headers=headers) as socket:
            delays = latencies(socket, options.lines)
    ordered = sorted(delays)
    p90 = ordered[int(len(ordered) * 0.9)]
    sys.stdout.write(
        f"{len(delays)} lines, written to received, ms: min {ordered[0]:.1f}, "
        f"p50 {statistics.median(delays):.1f}, p90 {p90:.1f} "
        f"(the clock counts {RESOLUTION_MS:.0f} ms steps)\n"
    )
    if options.out:
        kept = {"machine": machine(), "delays_ms": delays}
        Path(options.out).write_text(json.dumps(kept, indent=1))
    return 0


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
    parser.add_argument("--lines", type=int, default=100, help="to measure (default %(default)s)")
    parser.add_argument("--out", default="", help="file for the raw samples, JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
