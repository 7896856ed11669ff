"""Tell what a container uses, once or time and again, and that its memory was too little.

One JSON object a line, as runc has it: `type` is stats or oom, `id` the container's.
"""

from __future__ import annotations

import json
import os
import re
import select
import sys
import time
from typing import Any

from runtime.cgroups.cgroup import Cgroup
from runtime.cgroups.oom import OomWatch
from runtime.cgroups.usage import read_usage
from runtime.cli import containers
from runtime.cli.arguments import Words
from runtime.cli.containers import root_of
from runtime.cli.pause import cgroup_of
from runtime.errors import Conflict, InvalidSpec
from runtime.kernel import process

_INTERVAL = "5s"
_SHORTEST_SECONDS = 0.01
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = r"(\d+(?:\.\d+)?)(ms|s|m|h)"
_DURATION = re.compile(rf"(?:{_PART})+", re.ASCII)


def command(words: Words) -> int:
    """Carry `events` out: with `--stats` one sample, else samples till the container has stopped.

    Raises Conflict for one that has stopped already.
    """
    seconds = duration("--interval", words.last("--interval", _INTERVAL))
    container = containers.find(root_of(words), words.words[0])
    status = container.status
    if status not in ("created", "running", "paused"):
        raise Conflict(f"a container that is {status} has no events")
    with cgroup_of(container) as cgroup:
        if words.is_on("--stats"):
            _tell("stats", container.record.id, read_usage(cgroup))
        else:
            pidfd = process.pidfd_open(container.record.pid)
            try:
                _follow(container.record.id, cgroup, pidfd, seconds)
            finally:
                os.close(pidfd)
    return 0


def duration(flag: str, text: str) -> float:
    """Return the seconds of a text such as 1m30s or 100ms, 0.01 at least. Raises InvalidSpec."""
    if not _DURATION.fullmatch(text):
        raise InvalidSpec(flag, f"{text!r} is not a duration such as 5s or 100ms")
    parts = re.findall(_PART, text, re.ASCII)
    return max(_SHORTEST_SECONDS, sum(float(number) * _UNITS[unit] for number, unit in parts))


def _follow(identity: str, cgroup: Cgroup, pidfd: int, seconds: float) -> None:
    watch = OomWatch(cgroup)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    if watch.fd is not None:
        poll.register(watch.fd, watch.events)
    due = time.monotonic() + seconds
    try:
        while True:
            ready = {fd for fd, _ in poll.poll(max(0.0, due - time.monotonic()) * 1000)}
            if watch.fd in ready and watch.has_fired():
                _tell("oom", identity)
            if pidfd in ready:
                return
            if time.monotonic() >= due:
                _tell("stats", identity, read_usage(cgroup))
                due = time.monotonic() + seconds
    finally:
        watch.close()


def _tell(kind: str, identity: str, data: dict[str, Any] | None = None) -> None:
    told: dict[str, Any] = {"type": kind, "id": identity}
    if data is not None:
        told["data"] = data
    sys.stdout.write(json.dumps(told, separators=(",", ":")) + "\n")
    sys.stdout.flush()
