"""Reads commands from stdin, one JSON list a line; runs each and tells when its first byte came."""

from __future__ import annotations

import json
import os
import sys
import time

from benchmarks.samples import machine_cpu_ms


def run(command: list[str]) -> dict[str, float | str]:
    """Run one command to its end; the times are until its first byte."""
    reader, writer = os.pipe()
    errors, error_writer = os.pipe()
    actions = [
        (os.POSIX_SPAWN_DUP2, writer, 1),
        (os.POSIX_SPAWN_DUP2, error_writer, 2),
    ]
    cpu, began = machine_cpu_ms(), time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    os.close(writer)
    os.close(error_writer)
    first = os.read(reader, 1)
    wall_ms, cpu_ms = (time.perf_counter() - began) * 1e3, machine_cpu_ms() - cpu
    said = os.read(errors, 4096).decode(errors="replace")
    os.close(reader)
    os.close(errors)
    _, status = os.waitpid(pid, 0)
    if not first or status:
        return {"error": said.strip() or f"status {status}"}
    return {"wall_ms": wall_ms, "cpu_ms": cpu_ms}


def main() -> None:
    """Serve until stdin ends."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(run(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
