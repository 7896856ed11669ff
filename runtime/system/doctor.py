"""What this machine offers the engine and what it lacks. Looks, changes nothing that stays."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from runtime.cgroups import layout
from runtime.errors import RuntimeFault

CONTROLLERS = ("memory", "cpu", "pids")
CAP_SYS_ADMIN, CAP_SYS_RESOURCE = 21, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that was looked at: `state` is ok, warn or missing. `fatal` means that no
    container can run without it; `detail` says what was found, or what to do."""

    name: str
    state: str
    detail: str
    fatal: bool = False


def examine() -> list[Fact]:
    """Return every fact, the fatal ones included; never raises for what the machine lacks."""
    looks: tuple[Callable[[], list[Fact]], ...] = (
        _kernel,
        _privilege,
        _cgroups,
        _filesystems,
        _namespaces,
        _seccomp,
        _nftables,
        _id_ranges,
    )
    return [fact for look in looks for fact in look()]


def _kernel() -> list[Fact]:
    return [Fact(name="kernel", state="ok", detail=f"{platform.release()} {platform.machine()}")]


def _privilege() -> list[Fact]:
    if os.geteuid() != 0:
        return [Fact(name="root", state="missing", detail="run as root", fatal=True)]
    bounding = int(_status("CapBnd") or "0", 16)
    facts = []
    if not bounding >> CAP_SYS_ADMIN & 1:
        facts.append(
            Fact(name="root", state="missing", detail="root lacks CAP_SYS_ADMIN", fatal=True)
        )
    if not bounding >> CAP_SYS_RESOURCE & 1:
        told = "absent: hard limits cannot be raised, nor processes shielded from the OOM killer"
        facts.append(Fact(name="CAP_SYS_RESOURCE", state="warn", detail=told))
    return facts or [Fact(name="root", state="ok", detail="all capabilities that are needed")]


def _cgroups() -> list[Fact]:
    try:
        found = layout.parse(_read("/proc/self/mountinfo"), _unified())
    except (RuntimeFault, OSError) as error:
        return [Fact(name="cgroups", state="missing", detail=str(error), fatal=True)]
    by_controller = {
        controller: hierarchy
        for hierarchy in found.hierarchies
        for controller in hierarchy.controllers
    }
    facts = []
    for controller in CONTROLLERS:
        hierarchy = by_controller.get(controller)
        name = f"cgroup {controller}"
        if hierarchy is None:
            told = "no mounted hierarchy has this controller; its limits cannot be kept"
            facts.append(Fact(name=name, state="missing", detail=told, fatal=True))
        else:
            told = f"version {hierarchy.version} at {hierarchy.mount}"
            facts.append(Fact(name=name, state="ok", detail=told))
    return facts


def _unified() -> str:
    for line in _read("/proc/self/mountinfo").splitlines():
        fields = line.split()
        if " - cgroup2 " in line:
            with suppress(OSError):
                return _read(f"{fields[4]}/cgroup.controllers")
    return ""


def _filesystems() -> list[Fact]:
    known = _read("/proc/filesystems").split()
    if "overlay" in known:
        return [Fact(name="overlayfs", state="ok", detail="available")]
    told = "load it: modprobe overlay"
    return [Fact(name="overlayfs", state="missing", detail=told, fatal=True)]


def _namespaces() -> list[Fact]:
    lacking = [
        name
        for name in ("mnt", "pid", "net", "uts", "ipc", "cgroup", "user")
        if not os.path.exists(f"/proc/self/ns/{name}")
    ]
    if lacking:
        told = f"the kernel lacks {', '.join(lacking)}"
        return [Fact(name="namespaces", state="missing", detail=told, fatal=True)]
    most = int(_read("/proc/sys/user/max_user_namespaces") or 0)
    if most == 0:
        told = "switched off: set user.max_user_namespaces above 0 with sysctl"
        return [Fact(name="user namespaces", state="missing", detail=told, fatal=True)]
    return [Fact(name="user namespaces", state="ok", detail=f"up to {most}")]


def _seccomp() -> list[Fact]:
    if os.path.exists("/proc/sys/kernel/seccomp/actions_avail"):
        return [Fact(name="seccomp", state="ok", detail="filters available")]
    told = "the kernel has no system call filters"
    return [Fact(name="seccomp", state="missing", detail=told, fatal=True)]


def _nftables() -> list[Fact]:
    if shutil.which("nft") or os.path.exists("/usr/lib/x86_64-linux-gnu/libnftables.so.1"):
        return [Fact(name="nftables", state="ok", detail="available")]
    told = "neither nft nor libnftables is installed; container networks will need one of them"
    return [Fact(name="nftables", state="warn", detail=told)]


def _id_ranges() -> list[Fact]:
    held = []
    for path in ("/etc/subuid", "/etc/subgid"):
        with suppress(OSError):
            held += [line.split(":") for line in _read(path).splitlines() if line.count(":") == 2]
    base, end = 300_000_000, 300_000_000 + (1 << 16) * 4096
    for owner, first, count in held:
        numbers = first.isdecimal() and count.isdecimal()
        if numbers and int(first) < end and int(first) + int(count) > base:
            told = f"{owner} holds ids from {first} on, which are the containers' too"
            return [Fact(name="id ranges", state="warn", detail=told)]
    return [Fact(name="id ranges", state="ok", detail="nobody else holds the containers' ids")]


def _status(name: str) -> str:
    for line in _read("/proc/self/status").splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return value.strip()
    return ""


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
