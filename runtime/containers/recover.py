"""Repair what crashes and reboots left of this instance, and of nobody else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial

from runtime.cgroups import cgroup as cgroups
from runtime.cgroups.layout import detect
from runtime.containers import lifecycle, trash
from runtime.containers.create import DRAFT, creating
from runtime.containers.delete import clear
from runtime.containers.inspect import identities
from runtime.containers.site import Site
from runtime.containers.start import start
from runtime.errors import NotFound, RuntimeFault, Unavailable
from runtime.events import NullSink
from runtime.shim import client
from runtime.state import boot, locks, spool
from runtime.state.records import State

_KEPT_BY_ZYGOTE = "zygote"


def recover(site: Site) -> tuple[str, ...]:
    """See `runtime.engine.Containers.recover`."""
    site.zygote.ensure()
    return tuple(_look(site, act=True))


def survey(site: Site) -> tuple[str, ...]:
    """Say what `recover` would put right, and touch nothing."""
    return tuple(_look(site, act=False))


def _look(site: Site, *, act: bool) -> Iterator[str]:
    yield from _finish_creates(site, act=act)
    yield from _finish_deletes(site, act=act)
    yield from _finish_events(site, act=act)
    for container in identities(site):
        try:
            yield from _mind(site, container, act=act)
        except NotFound:
            continue
        except RuntimeFault as fault:
            yield f"container {container}: {fault}"
    yield from _drop_run_directories(site, act=act)
    yield from _drop_cgroups(site, act=act)


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


def _finish_deletes(site: Site, *, act: bool) -> Iterator[str]:
    for name in os.listdir(site.trash):
        if act:
            trash.empty(site.trash, name)
        yield f"deleted container {name} was still on disk"


def _finish_events(site: Site, *, act: bool) -> Iterator[str]:
    """Publish the events of changes that happened, withdraw those of changes that did not."""
    for prepared in spool.unpublished(site.config.spool):
        try:
            happened = _happened(site, prepared)
        except RuntimeFault:  # its maker is at it
            continue
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


def _mind(site: Site, container: str, *, act: bool) -> Iterator[str]:
    """See to it that what should run has a shim, after a crash or a reboot."""
    ledger = site.ledger(container)
    state = ledger.load()
    if lifecycle.is_minded(state.record):
        if not client.shim_lives(site.config, container):
            if act:
                site.zygote.repair(container)
            yield f"container {container} had no shim"
        return
    this_boot = boot.boot_id()
    if state.boot != this_boot:
        if act:
            ledger.note(lambda old: _seen(old, this_boot))
        if _starts_at_boot(state):
            if act:
                start(site, container, sink=NullSink())
            yield f"container {container} was not started after the reboot"


def _seen(state: State, this_boot: str) -> State:
    """Note the boot, so that policies are applied once for each."""
    return replace(state, boot=this_boot)


def _starts_at_boot(state: State) -> bool:
    policy = state.record.spec["restart"]
    if state.record.state != "exited":
        return False
    return policy == "always" or (policy == "unless-stopped" and not state.held)


def _drop_run_directories(site: Site, *, act: bool) -> Iterator[str]:
    for container in os.listdir(os.path.dirname(site.config.container_run("x"))):
        if os.path.exists(site.config.container_data(container)):
            continue
        drop = partial(clear, site, container) if act else _nothing
        if _drop_orphan(site, container, drop):
            yield f"a run directory of no container was left: {container}"


def _drop_cgroups(site: Site, *, act: bool) -> Iterator[str]:
    for container in sorted(_cgroup_names(site) - {_KEPT_BY_ZYGOTE}):
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
    for tree in detect().hierarchies:
        try:
            entries = list(os.scandir(f"{tree.mount}/{site.slice}"))
        except FileNotFoundError:
            continue
        names.update(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    return names
