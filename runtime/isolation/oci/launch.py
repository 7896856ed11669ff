"""Making a container of an OCI bundle, from outside; it waits at its gate then.

    parent                                init
    ------                                ----
    clone3                          --->  leaves the host's namespaces, builds the tree
    hooks prestart, createRuntime  <---   "b"
    sends the state, closes         --->  hooks createContainer, pivot, all checks
                                   <---   "r": it waits at the gate (gate.py)

Any fault ends it: the parent kills and reaps init, and nothing is left of it.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO

from runtime.cgroups.cgroup import Cgroup
from runtime.errors import Exhausted, InvalidSpec, KernelRefused, RuntimeFault
from runtime.isolation import sync
from runtime.isolation.children import Launched, clone, end, is_crowded
from runtime.isolation.oci import init, namespaces
from runtime.isolation.oci.gate import Gate
from runtime.isolation.oci.namespaces import around_clone
from runtime.isolation.oci.plan import Blueprint

_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """What the parent does meanwhile.

    `cloned(pid)` may record the pid; `built(pid)` runs the hooks and returns the state to hand in.
    """

    cloned: Callable[[int], None]
    built: Callable[[int], bytes]


def create(
    blueprint: Blueprint,
    *,
    cgroup: Cgroup | None,
    gate: Gate,
    console: int | None,
    moments: Moments,
) -> Launched:
    """Build the container; its first process waits at the gate when this returns.

    The working directory is the bundle, and stdio is the container's. Raises InvalidSpec that names
    the field, KernelRefused, or what a moment raises; nothing is left of it then.
    """
    config = blueprint.config
    up = sync.Pipe()
    down, writer = os.pipe2(os.O_CLOEXEC)
    reply = open(writer, "wb", buffering=0)  # noqa: SIM115  # closed below, or earlier
    try:
        with namespaces.opened(config.linux, config.mounts) as spaces, around_clone(spaces):
            pid, pidfd = clone_into(spaces.new, cgroup)
            if pid == 0:
                reply.close()
                init.run(
                    init.Order(
                        blueprint=blueprint,
                        spaces=spaces,
                        cgroup=cgroup,
                        up=up,
                        down=down,
                        gate=gate,
                        console=console,
                    )
                )
        launched = Launched(pid, pidfd)
        up.keep_reader()
        try:
            moments.cloned(pid)
            _see_through(up, reply, lambda: moments.built(pid), cgroup)
        except BaseException:
            end(launched)
            raise
        return launched
    finally:
        up.close()
        os.close(down)
        reply.close()


def clone_into(flags: int, cgroup: Cgroup | None) -> tuple[int, int]:
    """As `clone`, but raises Exhausted where the cgroup is full."""
    try:
        return clone(flags, cgroup)
    except KernelRefused as refused:
        raise explain(refused) from None


def explain(fault: RuntimeFault) -> RuntimeFault:
    """Return what a fault of a clone means to the caller."""
    if is_crowded(fault):
        return Exhausted("the container has as many processes as linux.resources.pids allows")
    return fault


def death(cgroup: Cgroup | None, *, killed: int = 0) -> RuntimeFault:
    """Return why a child ended without a word; `killed` is what `oom_kills` was before it began."""
    if cgroup is not None and cgroup.oom_kills() > killed:
        return InvalidSpec("linux.resources.memory.limit", "is too small for the process to start")
    return KernelRefused("execve", errno.ESRCH, "the process died while it was set up")


def _see_through(
    up: sync.Pipe, reply: FileIO, built: Callable[[], bytes], cgroup: Cgroup | None
) -> None:
    kind, _ = up.hear(deadline=time.monotonic() + _SECONDS)
    if kind == sync.BUILT:
        state = built()
        while state:
            state = state[reply.write(state) :]
        reply.close()
        kind, _ = up.hear()
    if kind != sync.READY:
        raise death(cgroup)
