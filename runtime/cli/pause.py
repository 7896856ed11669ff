"""Let all processes of a container stand still, and go on: pause and resume."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from runtime.cgroups.cgroup import Cgroup
from runtime.cli import containers
from runtime.cli.arguments import Words
from runtime.cli.containers import Container, root_of
from runtime.errors import Conflict

_MAY_PAUSE = ("created", "running")


def pause(words: Words) -> int:
    """Carry `pause` out; returns when everything stands still.

    Raises Conflict where it neither waits to be started nor runs, Unavailable where it does not
    freeze.
    """
    container = containers.find(root_of(words), words.words[0])
    status = container.status
    if status not in _MAY_PAUSE:
        raise Conflict(f"cannot pause a container that is {status}")
    with cgroup_of(container) as cgroup:
        cgroup.freeze()
    return 0


def resume(words: Words) -> int:
    """Carry `resume` out. Raises Conflict where it is not paused."""
    container = containers.find(root_of(words), words.words[0])
    status = container.status
    if status != "paused":
        raise Conflict(f"cannot resume a container that is {status}")
    with cgroup_of(container) as cgroup:
        cgroup.thaw()
    return 0


@contextmanager
def cgroup_of(container: Container) -> Iterator[Cgroup]:
    """Yield the cgroup of a container. Raises Conflict where it was made without one."""
    cgroup = container.cgroup()
    if cgroup is None:
        raise Conflict(f"container {container.record.id} has no cgroup")
    try:
        yield cgroup
    finally:
        cgroup.close()
