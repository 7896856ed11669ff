"""List the processes of a container, by the numbers that the host has for them."""

from __future__ import annotations

import json
import sys

from runtime.cli import containers
from runtime.cli.arguments import Words
from runtime.cli.containers import Container, root_of
from runtime.errors import InvalidSpec, Unavailable

_OPTIONS = ["-ef"]


def command(words: Words) -> int:
    """Print them as what ps(1) of the host says of each, or with `--format json` their numbers.

    Words behind the id are options for ps(1), in place of -ef.
    """
    identity, *options = words.words
    container = containers.find(root_of(words), identity)
    wanted = words.last("--format", "table")
    pids = processes(container)
    if wanted == "json":
        sys.stdout.write(json.dumps(pids) + "\n")
    elif wanted == "table":
        sys.stdout.write(choose(_ask(options or _OPTIONS), pids))
    else:
        raise InvalidSpec("--format", f"{wanted!r} is neither table nor json")
    return 0


def processes(container: Container) -> list[int]:
    """Return the processes in the container's cgroup; without one its first process, if alive."""
    cgroup = container.cgroup()
    if cgroup is None:
        return [container.record.pid] if container.record.pid and container.is_alive() else []
    try:
        return sorted(cgroup.pids())
    finally:
        cgroup.close()


def choose(table: str, pids: list[int]) -> str:
    """Return the heading of a table and its lines about `pids`.

    Raises InvalidSpec where it has no column PID. Pure.
    """
    heading, *lines = table.splitlines() or [""]
    if "PID" not in heading.split():
        raise InvalidSpec("ps", "these options leave the column PID out")
    column = heading.split().index("PID")
    wanted = {str(pid) for pid in pids}
    chosen = [line for line in lines if wanted.intersection(line.split()[column : column + 1])]
    return "".join(f"{line}\n" for line in (heading, *chosen))


def _ask(options: list[str]) -> str:
    import subprocess

    try:
        done = subprocess.run(["ps", *options], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Unavailable("this host has no ps(1): ask with --format json") from None
    if done.returncode:
        raise InvalidSpec("ps", done.stderr.strip() or f"ended with {done.returncode}")
    return done.stdout
