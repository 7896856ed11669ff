"""The namespaces that belong to a container's own user namespace: net, uts and ipc.

The mount, pid and cgroup namespaces are not made here: they belong to the initial user namespace,
so that root inside can neither unmount nor remount anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from runtime.abi import CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWUSER, CLONE_NEWUTS
from runtime.config import ID_RANGE_SIZE
from runtime.isolation.factory import Factory
from runtime.isolation.sharing import INNER
from runtime.kernel import rtnetlink
from runtime.kernel.namespaces import setns, unshare
from runtime.kernel.parked import Parked
from runtime.kernel.procfs import open_namespaces, write_text

_PING_GROUPS = "/proc/sys/net/ipv4/ping_group_range"


@dataclass(slots=True)
class Space:
    """Descriptors of a container's namespaces; `id_base` is the host id of 0 inside.

    Of kinds that are not among `kinds` they are the host's.
    user and net are kept over restarts and may be passed to another process. uts and ipc are of
    one start only: `launch` uses them up, or makes new ones where they are None. `pid` is there
    where it is another container's.
    """

    id_base: int
    user: int
    net: int
    uts: int | None = None
    ipc: int | None = None
    kinds: int = INNER
    pid: int | None = None

    def close(self) -> None:
        """Give the namespaces up; they live on in the processes inside."""
        self.drop_fresh()
        for descriptor in (self.user, self.net):
            os.close(descriptor)

    def drop_fresh(self) -> None:
        """Close what serves one start only."""
        for descriptor in (self.uts, self.ipc, self.pid):
            if descriptor is not None:
                os.close(descriptor)
        self.uts = self.ipc = self.pid = None


def make_space(id_base: int, *, kinds: int = INNER) -> Space:
    """Make user, net, uts and ipc namespaces; ids 0 to 65,535 inside are `id_base` and up outside.

    Those that are not among the flags `kinds` stay the host's.

    The caller must be single-threaded. Raises KernelRefused, with nothing left. See
    user_namespaces(7).
    """
    kinds &= INNER
    with Parked(kinds) as holder:
        for name in ("gid_map", "uid_map") if kinds & CLONE_NEWUSER else ():
            write_text(f"/proc/{holder.pid}/{name}", f"0 {id_base} {ID_RANGE_SIZE}")
        user, net, uts, ipc = open_namespaces(holder.pid, "user", "net", "uts", "ipc")
    return Space(id_base, user, net, uts, ipc, kinds)


def refresh(space: Space) -> None:
    """Give `space` new uts and ipc namespaces, for the next start. Raises KernelRefused."""
    space.drop_fresh()
    with Factory(lambda: _unshare_inside(space)) as factory:
        factory.wait()
        space.uts, space.ipc = open_namespaces(factory.pid, "uts", "ipc")


@contextmanager
def children_in(descriptor: int | None) -> Iterator[None]:
    """Have children enter a pid namespace meanwhile, if there is one. See pid_namespaces(7)."""
    if descriptor is None:
        yield
        return
    (own,) = open_namespaces(os.getpid(), "pid")
    try:
        setns(descriptor, CLONE_NEWPID)
        try:
            yield
        finally:
            setns(own, CLONE_NEWPID)
    finally:
        os.close(own)


def prepare_network(id_base: int) -> None:
    """Set loopback up in the caller's network namespace and let every group inside ping.

    Ids are the host's: the caller is in the initial user namespace. See icmp(7).
    """
    rtnetlink.bring_loopback_up()
    write_text(_PING_GROUPS, f"{id_base} {id_base + ID_RANGE_SIZE - 1}")


def _unshare_inside(space: Space) -> None:
    if space.kinds & CLONE_NEWUSER:
        setns(space.user, CLONE_NEWUSER)
    unshare(space.kinds & (CLONE_NEWUTS | CLONE_NEWIPC))
