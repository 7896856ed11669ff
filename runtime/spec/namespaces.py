"""Whose namespaces a container lives in, and what is set in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from runtime.errors import InvalidSpec
from runtime.spec.topic import Check, Topic, asked, mapped, matching, one, text, whole

HOST_NAMESPACES = ("pid", "ipc", "uts", "network", "cgroup", "user")
"""Those that a container can share with the host."""
PRIVATE = "private"
HOST = "host"
NONE = "none"
SHAREABLE = "shareable"
_IPC_SYSCTLS = (
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
)


def _mode(*more: str) -> Check:
    words = "|".join((PRIVATE, HOST, *more))
    return matching(
        rf"{words}|container:[A-Za-z0-9][A-Za-z0-9_.-]*|path:/.+",
        f"one of {words.replace('|', ', ')}, container:ID or path:/PATH",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOffset(Topic):
    """How far a clock is ahead, in `seconds` and `nanoseconds`: time_namespaces(7), OCI."""

    PATH: ClassVar[str] = "namespaces.time_offsets"
    seconds: int = asked(whole(-(1 << 33), 1 << 33), 0)
    nanoseconds: int = asked(whole(0, 999_999_999), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespaces(Topic):
    """One mode for each kind of namespaces(7): its own, the host's, or somebody else's.

    `private` is its own, `host` the machine's, `container:ID` another container's, `path:/PATH` the
    one that lies there (OCI linux.namespaces). `pid` (Docker PidMode), `ipc` (IpcMode; also `none`,
    without /dev/shm, and `shareable`), `uts` (UTSMode), `network` (NetworkMode; also `none`, with
    loopback only; networks are in `network.endpoints`), `cgroup` (CgroupnsMode), `user`
    (UsernsMode), `mount` and `time` (OCI).
    `time_offsets` sets the clocks `monotonic` and `boottime` of an own time namespace.
    `sysctls` are settings of /proc/sys that belong to an own ipc, network or uts namespace
    (Sysctls, sysctl(8)); others are the machine's, so they are refused.
    """

    PATH: ClassVar[str] = "namespaces"
    pid: str = asked(_mode(), PRIVATE)
    ipc: str = asked(_mode(NONE, SHAREABLE), PRIVATE)
    uts: str = asked(_mode(), PRIVATE)
    network: str = asked(_mode(NONE), PRIVATE)
    cgroup: str = asked(_mode(), PRIVATE)
    user: str = asked(_mode(), PRIVATE)
    mount: str = asked(matching(r"private|path:/.+", "private or path:/PATH"), PRIVATE)
    time: str = asked(matching(r"host|private|path:/.+", "host, private or path:/PATH"), HOST)
    time_offsets: Mapping[str, TimeOffset] = asked(
        mapped(matching("monotonic|boottime", "monotonic or boottime"), one(TimeOffset)), {}
    )
    sysctls: Mapping[str, str] = asked(mapped(text, text), {})

    def validate(self) -> None:
        """Refuse sysctls of the machine, and those of a namespace that is not the container's."""
        if self.time_offsets and self.time != PRIVATE:
            raise InvalidSpec("namespaces.time_offsets", "needs namespaces.time to be private")
        for name in self.sysctls:
            kind = sysctl_namespace(name)
            if kind is None:
                raise InvalidSpec(
                    "namespaces.sysctls",
                    f"{name} is the machine's: only net.*, fs.mqueue.*, kernel.domainname and the "
                    "ipc settings of kernel.* are a container's own",
                )
            if getattr(self, kind) not in (PRIVATE, SHAREABLE, NONE):
                raise InvalidSpec(
                    "namespaces.sysctls", f"{name} needs a {kind} namespace of the container's own"
                )


def sysctl_namespace(name: str) -> str | None:
    """Return which namespace has the setting, None for one of the whole machine's. Pure."""
    parts = name.split(".")
    if "/" in name or "" in parts:
        return None
    if name in _IPC_SYSCTLS or parts[:2] == ["fs", "mqueue"]:
        return "ipc"
    if name == "kernel.domainname":
        return "uts"
    return "network" if parts[0] == "net" and len(parts) > 2 else None
