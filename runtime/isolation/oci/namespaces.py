"""The namespaces of a container of an OCI bundle: made, or found by their paths.

As with the engine's own containers, network, uts and ipc namespaces belong to the container's user
namespace where it has one; pid and cgroup belong to that of the runtime.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from runtime.abi import CLONE_NEWTIME, CLONE_NEWUSER
from runtime.errors import InvalidSpec, KernelRefused
from runtime.isolation.factory import Factory
from runtime.isolation.oci.plan import FILES, FLAGS, IdMaps
from runtime.kernel.namespaces import setns, unshare
from runtime.kernel.parked import Parked
from runtime.kernel.procfs import open_namespaces, write_text
from runtime.oci.config_ids import IdMapping
from runtime.oci.config_linux import Linux
from runtime.oci.config_mounts import Mount

_OWNED = ("network", "ipc", "uts")
"""Kinds that belong to the container's user namespace."""
_AROUND = ("pid", "time")
"""Kinds that only children enter: the parent takes them on while it clones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spaces:
    """What a launch needs of them.

    `new` are flags for clone3(2), `joined` are (descriptor, flag) for setns(2), `user` is the user
    namespace or None, `around` are entered by children only; `fresh_network` is one without links.
    `mapped` are the user namespaces that map the ids of mounts, by their place among them.
    """

    linux: Linux
    maps: IdMaps
    new: int
    joined: tuple[tuple[int, int], ...]
    user: int | None
    around: dict[str, int]
    fresh_network: bool
    mapped: dict[int, int]

    @property
    def has_new_cgroup(self) -> bool:
        """Say whether a cgroup namespace is made, which has to wait for the cgroup."""
        return self.linux.namespaces.get("cgroup") == ""


@contextmanager
def opened(linux: Linux, mounts: tuple[Mount, ...]) -> Iterator[Spaces]:
    """Make and open what both ask for; descriptors are closed at the end.

    The caller must be single-threaded. Raises InvalidSpec for a path that is no such namespace,
    KernelRefused.
    """
    with ExitStack() as closing:
        found = {
            kind: _open_path(kind, path, closing) for kind, path in linux.namespaces.items() if path
        }
        maps = IdMaps(uids=linux.uid_mappings, gids=linux.gid_mappings)
        fresh = [kind for kind in _OWNED if linux.namespaces.get(kind) == ""]
        user = found.pop("user", None)
        if user is not None:
            made, maps = _make_inside(user, fresh)
        elif "user" in linux.namespaces:
            user, made = _make_with_user(maps, fresh)
            closing.callback(os.close, user)
        else:
            made = {}
        for descriptor in made.values():
            closing.callback(os.close, descriptor)
        direct = fresh if user is None else []
        kinds = ["mount", *direct, *(["pid"] if linux.namespaces.get("pid") == "" else [])]
        inside = {kind: fd for kind, fd in {**found, **made}.items() if kind not in _AROUND}
        yield Spaces(
            linux=linux,
            maps=maps,
            new=sum(FLAGS[kind] for kind in kinds),
            joined=tuple((fd, FLAGS[kind]) for kind, fd in inside.items()),
            user=user,
            around={kind: fd for kind, fd in found.items() if kind in _AROUND},
            fresh_network="network" in fresh,
            mapped=_make_mapped(mounts, user, closing),
        )


@contextmanager
def around_clone(spaces: Spaces) -> Iterator[None]:
    """Have children enter the pid and time namespaces meanwhile; both are given back after.

    See pid_namespaces(7) and time_namespaces(7), whose offsets are written here.
    """
    with ExitStack() as back:
        own = dict(zip(("pid", "time"), open_namespaces(os.getpid(), "pid", "time"), strict=True))
        for descriptor in own.values():
            back.callback(os.close, descriptor)
        for kind, descriptor in spaces.around.items():
            flag = FLAGS[kind]
            setns(descriptor, flag)
            back.callback(setns, own[kind], flag)
        if spaces.linux.namespaces.get("time") == "":
            unshare(CLONE_NEWTIME)
            back.callback(setns, own["time"], CLONE_NEWTIME)
            lines = [f"{o.clock} {o.seconds} {o.nanoseconds}" for o in spaces.linux.time_offsets]
            if lines:
                write_text("/proc/self/timens_offsets", "\n".join(lines))
        yield


def differing(pid: int) -> int:
    """Return the flags of the namespaces in which process `pid` is and the caller is not.

    Raises KernelRefused where the process is gone.
    """
    flags = 0
    for kind, name in FILES.items():
        try:
            theirs, ours = (os.stat(f"/proc/{who}/ns/{name}") for who in (pid, "self"))
        except OSError as error:
            raise KernelRefused("stat", error.errno or 0, str(error.filename)) from None
        if theirs.st_ino != ours.st_ino:
            flags |= FLAGS[kind]
    return flags


def read_maps(pid: int) -> IdMaps:
    """Return the id maps of the user namespace of process `pid`. See user_namespaces(7)."""
    return IdMaps(uids=_read_map(pid, "uid_map"), gids=_read_map(pid, "gid_map"))


def _read_map(pid: int, name: str) -> tuple[IdMapping, ...]:
    try:
        with open(f"/proc/{pid}/{name}", encoding="ascii") as file:
            lines = [line.split() for line in file]
    except OSError as error:
        raise KernelRefused("open", error.errno or 0, f"/proc/{pid}/{name}") from None
    return tuple(IdMapping(*(int(number) for number in line)) for line in lines)


def _open_path(kind: str, path: str, closing: ExitStack) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        reason = f"{kind}: {path}: {os.strerror(error.errno or 0).lower()}"
        raise InvalidSpec("linux.namespaces", reason) from None
    closing.callback(os.close, descriptor)
    return descriptor


def _make_mapped(mounts: tuple[Mount, ...], user: int | None, closing: ExitStack) -> dict[int, int]:
    """Return a user namespace for each mount whose ids are mapped: the container's, or one made."""
    mapped: dict[int, int] = {}
    made: dict[IdMaps, int] = {}
    for place, mount in enumerate(mounts):
        if mount.ids is None:
            continue
        maps = IdMaps(uids=mount.ids.uids, gids=mount.ids.gids)
        if not maps.uids:
            if user is None:
                reason = "idmap needs mappings of its own, or a user namespace"
                raise InvalidSpec(f"mounts[{place}].options", reason)
            mapped[place] = user
            continue
        if maps not in made:
            made[maps], _ = _make_with_user(maps, [])
            closing.callback(os.close, made[maps])
        mapped[place] = made[maps]
    return mapped


def _make_with_user(maps: IdMaps, fresh: list[str]) -> tuple[int, dict[str, int]]:
    with Parked(CLONE_NEWUSER | sum(FLAGS[kind] for kind in fresh)) as holder:
        for name, extents in (("gid_map", maps.gids), ("uid_map", maps.uids)):
            lines = (f"{e.container} {e.host} {e.size}\n" for e in extents)
            write_text(f"/proc/{holder.pid}/{name}", "".join(lines))
        user, *others = open_namespaces(holder.pid, "user", *(FILES[kind] for kind in fresh))
    return user, dict(zip(fresh, others, strict=True))


def _make_inside(user: int, fresh: list[str]) -> tuple[dict[str, int], IdMaps]:
    def prepare() -> None:
        setns(user, CLONE_NEWUSER)
        if fresh:
            unshare(sum(FLAGS[kind] for kind in fresh))

    with Factory(prepare) as factory:
        factory.wait()
        others = open_namespaces(factory.pid, *(FILES[kind] for kind in fresh))
        return dict(zip(fresh, others, strict=True)), read_maps(factory.pid)
