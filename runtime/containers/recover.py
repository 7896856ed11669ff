"""Repair what crashes and reboots left of this instance, and of nobody else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial

from runtime.cgroups import cgroup as cgroups
from runtime.cgroups.layout import detect_all
from runtime.containers import lifecycle, trash
from runtime.containers.create import DRAFT, creating
from runtime.containers.delete import clear, delete
from runtime.containers.inspect import identities
from runtime.containers.site import Site
from runtime.containers.start import begin
from runtime.errors import Conflict, Exhausted, NotFound, RuntimeFault, Unavailable
from runtime.events import NullSink
from runtime.shim import client
from runtime.state import boot, durable, locks, spool
from runtime.state.records import State

_KEPT_BY_ZYGOTE = "zygote"
Busy = Callable[[str], bool]
"""Says whether somebody still needs a container that has ended and is to be removed."""


def recover(site: Site, *, busy: Busy) -> tuple[str, ...]:
    """See `runtime.engine.Containers.recover`."""
    site.zygote.ensure()
    return tuple(_look(site, act=True, busy=busy))


def survey(site: Site) -> tuple[str, ...]:
    """Say what `recover` would put right, and touch nothing."""
    return tuple(_look(site, act=False, busy=lambda _: True))


def _look(site: Site, *, act: bool, busy: Busy) -> Iterator[str]:
    yield from _guarded("creates", _finish_creates(site, act=act))
    for name in os.listdir(site.trash):
        yield from _guarded(f"deleted container {name}", _finish_delete(site, name, act=act))
    for prepared in spool.unpublished(site.config.spool):
        what = f"event of container {prepared.container}"
        yield from _guarded(what, _finish_event(site, prepared, act=act))
    for container in identities(site):
        yield from _guarded(f"container {container}", _mind(site, container, act=act, busy=busy))
        yield from _guarded(f"container {container}", _drop_drafts(site, container, act=act))
    for name in os.listdir(os.path.dirname(site.config.container_run("x"))):
        yield from _guarded(f"run directory {name}", _drop_run_directory(site, name, act=act))
    for name in sorted(_cgroup_names(site) - {_KEPT_BY_ZYGOTE}):
        yield from _guarded(f"cgroup {name}", _drop_group(site, name, act=act))


def _guarded(what: str, repairs: Iterator[str]) -> Iterator[str]:
    """Tell of a repair that failed: what is wrong with one thing keeps no other from its repair."""
    try:
        yield from repairs
    except NotFound:
        return  # somebody was faster
    except (RuntimeFault, OSError) as fault:
        yield f"{what}: {fault}"


def _finish_creates(site: Site, *, act: bool) -> Iterator[str]:
    """Remove drafts whose makers are dead: nobody holds the lock that all makers share."""
    try:
        with locks.hold(creating(site), wait=False):
            for name in os.listdir(site.config.containers):
                if name.startswith(DRAFT):
                    if act:
                        os.rename(f"{site.config.containers}/{name}", f"{site.trash}/{name}")
                    yield f"container {name} was never finished"
    except Unavailable:
        return


def _finish_delete(site: Site, name: str, *, act: bool) -> Iterator[str]:
    if act:
        trash.empty(site.trash, name)
    yield f"deleted container {name} was still on disk"


def _finish_event(site: Site, prepared: spool.Prepared, *, act: bool) -> Iterator[str]:
    """Publish the event of a change that happened, withdraw that of one that did not."""
    try:
        happened = _happened(site, prepared)
    except RuntimeFault:  # its maker is at it
        return
    if act:
        (spool.publish if happened else spool.withdraw)(site.config.spool, prepared)
    yield f"event {prepared.version} of container {prepared.container} was not published"


def _happened(site: Site, prepared: spool.Prepared) -> bool:
    """Say whether what an event tells of is so. Raises Unavailable while that is being decided."""
    ledger = site.ledger(prepared.container)
    with suppress(NotFound):
        return ledger.load_told(wait=False).record.version >= prepared.version
    if prepared.version > 1:
        return True  # a deletion
    with locks.hold(creating(site), wait=False), suppress(NotFound):
        return ledger.load().record.version >= prepared.version
    return False  # a create that failed


def _mind(site: Site, container: str, *, act: bool, busy: Busy) -> Iterator[str]:
    """See to it that what should run has a shim, and that what asked for it is gone."""
    ledger = site.ledger(container)
    state = ledger.load()
    if lifecycle.is_minded(state.record):
        if not client.shim_lives(site.config, container):
            if act:
                site.zygote.repair(container)
            yield f"container {container} had no shim"
        return
    if lifecycle.is_to_be_removed(state.record):
        if act and not busy(container):
            _remove(site, container)
        return
    if state.boot == boot.boot_id():
        return
    if act:
        _greet_boot(site, container)
    if _starts_at_boot(state):
        yield f"container {container} was not started after the reboot"


def _remove(site: Site, container: str) -> None:
    """Delete what has ended, unless somebody starts it just now or is as fast; no repair."""
    with suppress(NotFound, Conflict):
        delete(site, container, force=False, sink=NullSink())


def _drop_drafts(site: Site, container: str, *, act: bool) -> Iterator[str]:
    """Remove files that somebody was writing who died: nobody reads them, they only take room."""
    directory = site.config.container_data(container)
    for place in (directory, f"{directory}/once"):
        if not os.path.isdir(place):
            continue
        for draft in durable.abandoned(place):
            if act:
                os.unlink(f"{place}/{draft}")
            yield f"container {container} had an unfinished file: {draft}"


def _greet_boot(site: Site, container: str) -> None:
    """Apply the restart policy to a container that has not seen this boot, once.

    The boot is noted after that, or with it: a crash in between, or a fault that may pass
    (Unavailable, Exhausted), leaves it to the next recovery.
    """
    ledger, this_boot = site.ledger(container), boot.boot_id()
    with locks.hold(site.verb_lock(container)):
        state = ledger.load()
        if state.boot == this_boot:
            return  # somebody was faster
        try:
            if _starts_at_boot(state):
                begin(site, container, sink=NullSink())
        except (Unavailable, Exhausted):
            raise
        except RuntimeFault:
            ledger.note(lambda old: _seen(old, this_boot))
            raise
        ledger.note(lambda old: _seen(old, this_boot))


def _seen(state: State, this_boot: str) -> State:
    """Note the boot, so that policies are applied once for each."""
    return replace(state, boot=this_boot)


def _starts_at_boot(state: State) -> bool:
    policy = state.record.spec["restart"]
    if state.record.state != "exited":
        return False
    return policy == "always" or (policy == "unless-stopped" and not state.held)


def _drop_run_directory(site: Site, container: str, *, act: bool) -> Iterator[str]:
    if os.path.exists(site.config.container_data(container)):
        return
    drop = partial(clear, site, container) if act else _nothing
    if _drop_orphan(site, container, drop):
        yield f"a run directory of no container was left: {container}"


def _drop_group(site: Site, container: str, *, act: bool) -> Iterator[str]:
    drop = partial(_remove_cgroup, site, container) if act else _nothing
    if _drop_cgroup(site, container, drop):
        yield f"a cgroup of nothing that runs was left: {container}"


def _nothing() -> None:
    """Only look."""


def _drop_orphan(site: Site, container: str, drop: Callable[[], None]) -> bool:
    """Drop what belongs to no container, while nobody can make one of that id."""
    try:
        with locks.hold(creating(site), wait=False):
            if os.path.exists(site.config.container_data(container)):
                return False
            drop()
            return True
    except Unavailable:
        return False


def _remove_cgroup(site: Site, container: str) -> None:
    left = cgroups.open_existing(f"{site.slice}/{container}")
    left.kill()
    left.remove()


def _drop_cgroup(site: Site, container: str, drop: Callable[[], None]) -> bool:
    """Remove a container's cgroup unless it runs, while no verb can start it."""
    if client.shim_lives(site.config, container):
        return False
    try:
        with locks.hold(f"{site.config.container_data(container)}/lock", wait=False):
            record = site.ledger(container).load().record
            idle = not lifecycle.is_minded(record)
            if idle and not client.shim_lives(site.config, container):
                drop()
                return True
            return False
    except NotFound:
        return _drop_orphan(site, container, drop)
    except Unavailable:
        return False


def _cgroup_names(site: Site) -> set[str]:
    names: set[str] = set()
    for tree in detect_all().hierarchies:
        try:
            entries = list(os.scandir(f"{tree.mount}/{site.slice}"))
        except FileNotFoundError:
            continue
        names.update(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    return names
