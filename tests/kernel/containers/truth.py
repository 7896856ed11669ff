"""What the records say and what kernel and disk have, compared: the judge of the fault tests."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from runtime.cgroups import cgroup as cgroups
from runtime.cgroups.layout import detect
from runtime.errors import RuntimeFault
from runtime.shim import client
from runtime.state import boot, durable, spool
from runtime.state.records import State
from tests.kernel.containers.conftest import Instance, ended

ALIVE = ("running", "paused")
RUN_FILES = {"c", "zygote", "zygote.lock", "zygote.log", "zygote.start"}
"""What the run directory of an instance has between two verbs."""


def agree(instance: Instance, seconds: float = 20.0) -> None:
    """Return when records, kernel and disk agree; fail with all differences where they do not."""
    deadline = time.monotonic() + seconds
    while found := disagreements(instance):
        told = Path(f"{instance.config.run}/zygote.log").read_text()[-2000:]
        assert time.monotonic() < deadline, "\n".join([*found, "the zygote's log ends with:", told])
        time.sleep(0.02)


def disagreements(instance: Instance) -> list[str]:
    """Return a sentence for each thing in which records, kernel and disk differ just now."""
    try:
        names = [name for name in os.listdir(instance.config.containers) if name[0] != "."]
        states = {name: instance.site.ledger(name).load() for name in names}
        return [
            *(sentence for state in states.values() for sentence in _record(instance, state)),
            *_kernel(instance, states),
            *_disk(instance, states),
        ]
    except (RuntimeFault, OSError) as changing:
        return [f"it changes while it is looked at: {changing}"]


def state_of(instance: Instance, container: str) -> str | None:
    """Return the state that a container's record tells, None where there is no such container."""
    records = {record.id: record for record in instance.engine.containers.list()}
    return records[container].state if container in records else None


def _record(instance: Instance, state: State) -> Iterator[str]:
    record = state.record
    who = f"container {record.id}, {record.state},"
    if record.restarting or state.stopping is not None:
        yield f"{who} is on its way to another state"
        return
    if record.state not in ALIVE:
        if record.pid is not None:
            yield f"{who} has process {record.pid}"
        return
    pid = record.pid or 0
    if ended(pid) or boot.start_time(pid) != state.pid_start:
        yield f"{who} has no process {pid}"
        return
    with closing(cgroups.open_existing(f"{instance.site.slice}/{record.id}")) as group:
        if pid not in group.pids():
            yield f"{who} has its process {pid} in no group"
        if group.is_frozen() != (record.state == "paused"):
            yield f"{who} is frozen: {group.is_frozen()}"
    if not client.shim_lives(instance.config, record.id):
        yield f"{who} has no shim"


def _kernel(instance: Instance, states: dict[str, State]) -> Iterator[str]:
    alive = {name: one.record.pid for name, one in states.items() if one.record.state in ALIVE}
    groups = group_names(instance)
    for name in groups ^ {*alive, "zygote"}:
        yield f"group {name} is there: {name in groups}"
    with closing(cgroups.open_existing(f"{instance.site.slice}/zygote")) as own:
        platform = set(own.pids())
    zygote = instance.zygote
    shims = platform - {zygote}
    if not len(alive) <= len(shims) <= len(alive) + 1:
        yield f"{len(alive)} containers have the shims {sorted(shims)}, a spare one among them"
    allowed = {os.readlink(f"/proc/{pid}/ns/net") for pid in (*alive.values(), "self")}
    minding = {instance.shim(name) for name in alive}
    spare = shims - minding  # it may have made namespaces for the next container
    for pid in platform - spare:
        for namespace in network_namespaces(pid) - allowed:
            yield f"process {pid} holds {namespace}, which no container has"
    held = Counter(link.split(":")[0] for link in descriptors(zygote))
    if held["user"] > len(alive) or held["net"] > len(alive):
        yield f"the zygote holds namespaces of {len(alive)} containers: {dict(held)}"
    handles = [link for link in descriptors(zygote) if link == "anon_inode:[pidfd]"]
    if len(handles) > len(shims) + len(alive):
        yield f"the zygote holds {len(handles)} handles of processes, with {len(shims)} shims"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if f"{instance.config.data}/" in line or f"{instance.config.run}/" in line:
            yield f"mounted: {line}"


def _disk(instance: Instance, states: dict[str, State]) -> Iterator[str]:
    config = instance.config
    for hidden in sorted(set(os.listdir(config.containers)) - set(states)):
        yield f"an unfinished container is there: {hidden}"
    for name in os.listdir(instance.site.trash):
        yield f"a deleted container is there: {name}"
    for event in spool.unpublished(config.spool):
        yield f"an event is not published: {event}"
    for name in set(os.listdir(f"{config.run}/c")) - set(states):
        yield f"a run directory of no container is there: {name}"
    for name in set(os.listdir(config.run)) - RUN_FILES:
        yield f"a file of nobody is there: {config.run}/{name}"
    below = [f"{config.containers}/{name}{part}" for name in states for part in ("", "/once")]
    for place in (config.data, *below):
        for draft in durable.abandoned(place):
            yield f"an unfinished file is there: {place}/{draft}"


def group_names(instance: Instance) -> set[str]:
    """Return the names of the groups in the instance's own, of all hierarchies."""
    places = [f"{tree.mount}/{instance.site.slice}" for tree in detect().hierarchies]
    entries = [entry for place in places for entry in os.scandir(place)]
    return {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}


def network_namespaces(pid: int) -> set[str]:
    """Return the network namespaces that a process is in or holds open."""
    held = {link for link in descriptors(pid) if link.startswith("net:[")}
    return held | {os.readlink(f"/proc/{pid}/ns/net")}


def descriptors(pid: int) -> list[str]:
    """Return what the open files of a process are."""
    place = f"/proc/{pid}/fd"
    return [os.readlink(f"{place}/{number}") for number in os.listdir(place)]
