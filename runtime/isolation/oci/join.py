"""Executing a further process in a container of an OCI bundle, from outside.

The chart of who talks to whom is in enter.py.
"""

from __future__ import annotations

import time

from runtime.cgroups.cgroup import Cgroup
from runtime.isolation import sync
from runtime.isolation.children import Launched, end
from runtime.isolation.oci import become, enter
from runtime.isolation.oci.launch import clone_into, death, explain
from runtime.isolation.oci.namespaces import differing
from runtime.isolation.oci.plan import IdMaps, ProcessPlan
from runtime.kernel import process

_SECONDS = 3600.0
"""Longer than any set-up: a container that is paused lets nothing happen till it is resumed."""


def join(
    first: Launched,
    wanted: ProcessPlan,
    *,
    maps: IdMaps,
    cgroup: Cgroup | None,
    console: int | None,
) -> Launched:
    """Execute `wanted` in the container whose first process is `first`, and return it, a child.

    Returns when execve(2) has succeeded; stdio is the process's. `maps` are of the container's user
    namespace. Raises InvalidSpec that names the field, KernelRefused, Exhausted; nothing is left
    then.
    """
    kinds = differing(first.pid)
    killed = cgroup.oom_kills() if cgroup is not None else 0
    if wanted.affinity is not None and wanted.affinity.initial:
        become.choose_processors(wanted.affinity.initial)
    up = sync.Pipe()
    try:
        pid, pidfd = clone_into(0, cgroup)
        if pid == 0:
            enter.run(
                enter.Order(
                    process=wanted,
                    target=first.pidfd,
                    kinds=kinds,
                    maps=maps,
                    cgroup=cgroup,
                    up=up,
                    console=console,
                )
            )
        up.keep_reader()
        try:
            story = up.hear_out(deadline=time.monotonic() + _SECONDS)
        finally:
            end(Launched(pid, pidfd))
        if story.pid is not None:
            joined = Launched(story.pid, process.pidfd_open(story.pid))
            if story.ready and story.fault is None:
                return joined
            end(joined)
        raise explain(story.fault) if story.fault is not None else death(cgroup, killed=killed)
    finally:
        up.close()
