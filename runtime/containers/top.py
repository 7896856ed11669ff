"""Say which processes a running container has.

All of /proc/PID is read through a descriptor of that directory, which stays the process's own; one
that turns out not to be in the container's group (a number that was used again) is left out. What
processes say of themselves is hostile: bounded when it is read, told without control characters.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from runtime.cgroups import cgroup as cgroups
from runtime.containers.site import Site
from runtime.containers.stats import ended, open_first_process, running
from runtime.errors import KernelRefused
from runtime.state import boot
from runtime.usage import COMMAND_LENGTH, Process, Processes

LISTED = 512
"""Processes that are told at most."""
_READ = 65_536
_INSIDE = 1
"""The container's pid namespace is right below the engine's: its place in NSpid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What turns ticks since boot into times: nanoseconds since the epoch at boot, and a tick's."""

    booted_ns: int
    tick_ns: int
    page_bytes: int


def top(site: Site, container: str) -> Processes:
    """Look at each process; see `runtime.engine.Containers.top`."""
    state = running(site, container, "top")
    base = _id_base(state.record.spec, site)
    os.close(open_first_process(site, container, "top"))
    path = f"{site.slice}/{container}"
    group = cgroups.open_existing(path)
    try:
        inside = sorted(group.pids())
    except KernelRefused:
        inside = []  # it was removed meanwhile
    finally:
        group.close()
    now = time.time_ns()
    clock = Clock(
        booted_ns=now - boot.uptime_ns(),
        tick_ns=1_000_000_000 // os.sysconf("SC_CLK_TCK"),
        page_bytes=os.sysconf("SC_PAGE_SIZE"),
    )
    looked = (_look(pid, path, clock) for pid in inside[:LISTED])
    found = [_inside(process, base) for process in looked if process is not None]
    if not found:
        running(site, container, "top")
        raise ended(container)
    return Processes(
        time_ns=now, total=max(len(inside), len(found)), processes=_with_parents(found)
    )


def _id_base(spec: Mapping[str, object], site: Site) -> int:
    own = spec.get("id_range")
    return own if isinstance(own, int) else site.config.id_base


def _look(pid: int, group: str, clock: Clock) -> Process | None:
    """Return a process as it is now, None where it is gone or somebody else's."""
    try:
        directory = os.open(f"/proc/{pid}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not is_in(group, _read(directory, "cgroup").decode("utf-8", "replace")):
            return None
        stat = _read(directory, "stat")
        status = _read(directory, "status").decode("utf-8", "replace")
        command = _read(directory, "cmdline", COMMAND_LENGTH + 1)
    except OSError:
        return None
    finally:
        os.close(directory)
    return parse(stat, status, command, clock)


def _read(directory: int, name: str, size: int = _READ) -> bytes:
    file = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
    try:
        return os.read(file, size)
    finally:
        os.close(file)


def is_in(group: str, memberships: str) -> bool:
    """Say whether /proc/PID/cgroup names the group or one below it (cgroups(7))."""
    paths = (line.split(":", 2)[-1] for line in memberships.splitlines())
    return any(f"/{group}/" in f"{path}/" for path in paths)


def parse(stat: bytes, status: str, command: bytes, clock: Clock) -> Process:
    """Return the process of three files (proc_pid_stat(5), proc_pid_status(5)); ids of the node.

    The name in `stat` is the process's to choose: it may have parentheses, blanks and line ends.
    """
    name = stat[stat.index(b"(") + 1 : stat.rindex(b")")]
    fields = stat[stat.rindex(b")") + 2 :].split()
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    numbers = [int(word) for word in told.get("NSpid", "").split()]
    words = command.rstrip(b"\0").replace(b"\0", b" ")
    return Process(
        pid=numbers[_INSIDE] if len(numbers) > _INSIDE else None,
        host_pid=int(stat[: stat.index(b" ")]),
        parent=None,
        host_parent=int(fields[1]),
        uid=None,
        host_uid=int(told["Uid"].split()[1]),
        state=fields[0].decode("ascii"),
        threads=int(fields[17]),
        cpu_ns=(int(fields[11]) + int(fields[12])) * clock.tick_ns,
        rss_bytes=int(fields[21]) * clock.page_bytes,
        started_ns=clock.booted_ns + int(fields[19]) * clock.tick_ns,
        command=harmless(words) if words else f"[{harmless(name)}]",
    )


def harmless(text: bytes) -> str:
    """Return text on one line that shows what is in it and does nothing to whoever reads it.

    Control characters, line ends and marks that turn writing around are told as escapes; too much
    is cut, and ends in an ellipsis.
    """
    shown = "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode()
        for one in text.decode("utf-8", "backslashreplace")
    )
    return shown if len(shown) <= COMMAND_LENGTH else f"{shown[: COMMAND_LENGTH - 1]}…"


def _inside(process: Process, id_base: int) -> Process:
    uid = process.host_uid - id_base
    return replace(process, uid=uid) if 0 <= uid < 65_536 else process


def _with_parents(found: list[Process]) -> tuple[Process, ...]:
    """Tell each parent's number inside; one that is not in the container has none there: 0."""
    inside = {process.host_pid: process.pid for process in found}
    return tuple(replace(one, parent=inside.get(one.host_parent, 0)) for one in found)
