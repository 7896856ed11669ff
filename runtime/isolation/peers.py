"""Namespaces of another container of this instance, for one that shares them: container:ID.

The other one has to run, for its first process is what holds them. Who shares them has its user
namespace too: root of another one has no power over them (namespaces(7)).
"""

from __future__ import annotations

import os

from runtime.abi import CLONE_NEWUSER
from runtime.config import ID_RANGE_SIZE
from runtime.errors import Conflict, InvalidSpec, KernelRefused, NotFound
from runtime.isolation import sharing
from runtime.isolation.factory import Factory
from runtime.isolation.namespaces import Space
from runtime.kernel.namespaces import setns, unshare
from runtime.kernel.procfs import open_namespaces
from runtime.oci.bundle import Bundle
from runtime.state import boot
from runtime.state.records import Ledger

_FILES = {"network": "net", "uts": "uts", "ipc": "ipc", "pid": "pid"}
"""Kind -> its name in /proc/<pid>/ns (namespaces(7))."""


def space_beside(bundle: Bundle) -> Space:
    """Return the namespaces of a container that shares some of `bundle.peer`, for one start.

    Raises InvalidSpec where there is no such container with the same ids, Conflict where it does
    not run.
    """
    pid, start = _first_process(bundle)
    kinds = [kind for kind in _FILES if kind in bundle.peer_namespaces]
    try:
        user, *others = open_namespaces(pid, "user", *(_FILES[kind] for kind in kinds))
    except KernelRefused:
        raise _not_running(bundle) from None
    found = dict(zip(kinds, others, strict=True))
    try:
        id_base = _id_base(pid, bundle)
        if id_base != bundle.id_base:  # another team's: it is not told that there is such a one
            raise _unknown(bundle)
        if boot.start_time(pid) != start:  # the number belongs to somebody else by now
            raise _not_running(bundle)
        fresh = sharing.fresh(bundle.host_namespaces, bundle.peer_namespaces) & sharing.INNER
        found |= _fresh(user, fresh & ~CLONE_NEWUSER, [k for k in _FILES if k not in found])
    except BaseException:
        for descriptor in (user, *others):
            os.close(descriptor)
        raise
    return Space(
        id_base,
        user,
        found["network"],
        found["uts"],
        found["ipc"],
        fresh,
        found.get("pid"),
    )


def _first_process(bundle: Bundle) -> tuple[int, int | None]:
    """Return number and start time of the other container's first process."""
    directory = f"{bundle.state_dir.rpartition('/')[0]}/{bundle.peer}"
    try:
        state = Ledger(directory, "").load()
    except NotFound:
        raise _unknown(bundle) from None
    if state.record.pid is None or state.boot != boot.boot_id():
        raise _not_running(bundle)
    return state.record.pid, state.pid_start


def _unknown(bundle: Bundle) -> InvalidSpec:
    field = f"namespaces.{bundle.peer_namespaces[0]}"
    return InvalidSpec(field, f"there is no container {bundle.peer}")


def _not_running(bundle: Bundle) -> Conflict:
    return Conflict(f"container {bundle.peer}, whose namespaces are to be shared, is not running")


def _id_base(pid: int, bundle: Bundle) -> int:
    """Return the host id of 0 inside. See user_namespaces(7)."""
    try:
        with open(f"/proc/{pid}/uid_map", encoding="ascii") as file:
            inside, outside, size = (int(word) for word in file.readline().split())
    except OSError:
        raise _not_running(bundle) from None
    if (inside, size) != (0, ID_RANGE_SIZE):
        field = f"namespaces.{bundle.peer_namespaces[0]}"
        raise InvalidSpec(field, f"container {bundle.peer} has the ids of the host")
    return outside


def _fresh(user: int, flags: int, kinds: list[str]) -> dict[str, int]:
    """Return new namespaces inside of `user`; those that are not among `flags` are the host's."""

    def prepare() -> None:
        setns(user, CLONE_NEWUSER)
        unshare(flags)

    wanted = [kind for kind in kinds if kind != "pid"]
    with Factory(prepare) as factory:
        factory.wait()
        made = open_namespaces(factory.pid, *(_FILES[kind] for kind in wanted))
    return dict(zip(wanted, made, strict=True))
