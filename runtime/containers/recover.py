"""Repair what crashes and reboots left of this instance, and of nobody else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace

from runtime.cgroups import cgroup as cgroups
from runtime.cgroups.layout import detect
from runtime.containers import trash
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
    found = [*_finish_creates(site), *_finish_deletes(site), *_finish_events(site)]
    for container in identities(site):
        try:
            found += _mind(site, container)
        except NotFound:
            continue
        except RuntimeFault as fault:
            found.append(f"container {container}: {fault}")
    return (*found, *_drop_leftovers(site))


def _finish_creates(site: Site) -> Iterator[str]:
    """Remove drafts whose makers are dead: nobody holds the lock that all makers share."""
    try:
        with locks.hold(creating(site), wait=False):
            for name in os.listdir(site.config.containers):
                if name.startswith(DRAFT):
                    os.rename(f"{site.config.containers}/{name}", f"{site.trash}/{name}")
                    yield f"removed the unfinished container {name}"
    except Unavailable:
        return


def _finish_deletes(site: Site) -> Iterator[str]:
    for name in os.listdir(site.trash):
        trash.empty(site.trash, name)
        yield f"finished the removal of {name}"


def _finish_events(site: Site) -> Iterator[str]:
    """Publish the events of changes that happened, withdraw those of changes that did not."""
    for prepared in spool.unpublished(site.config.spool):
        try:
            with locks.hold(site.verb_lock(prepared.container), wait=False):
                now = site.ledger(prepared.container).load().record.version
                happened = now >= prepared.version
        except NotFound:
            happened = prepared.version > 1  # a deletion; a first event belongs to a failed create
        except RuntimeFault:
            continue
        _settle(site, prepared, happened=happened)
        verdict = "published" if happened else "withdrew"
        yield f"{verdict} event {prepared.version} of container {prepared.container}"


def _settle(site: Site, prepared: spool.Prepared, *, happened: bool) -> None:
    try:
        (spool.publish if happened else spool.withdraw)(site.config.spool, prepared)
    except FileNotFoundError:  # its maker lives and was faster
        return


def _mind(site: Site, container: str) -> Iterator[str]:
    """See to it that what should run has a shim, after a crash or a reboot."""
    ledger = site.ledger(container)
    state = ledger.load()
    if state.record.state == "running" or state.record.restarting:
        if not client.shim_lives(site.config, container):
            site.zygote.repair(container)
            yield f"container {container} has a shim again"
        return
    this_boot = boot.boot_id()
    if state.boot != this_boot:
        ledger.note(lambda old: _seen(old, this_boot))
        if _starts_at_boot(state):
            start(site, container, sink=NullSink())
            yield f"container {container} was started after a reboot"


def _seen(state: State, this_boot: str) -> State:
    """Note the boot, so that policies are applied once for each."""
    return replace(state, boot=this_boot)


def _starts_at_boot(state: State) -> bool:
    policy = state.record.spec["restart"]
    if state.record.state != "exited":
        return False
    return policy == "always" or (policy == "unless-stopped" and not state.held)


def _drop_leftovers(site: Site) -> Iterator[str]:
    """Remove run directories and cgroups of containers that there are not, or that do not run."""
    runs = os.path.dirname(site.config.container_run("x"))
    for container in os.listdir(runs):
        if not os.path.exists(site.config.container_data(container)) and _drop_orphan(
            site, container, lambda gone: clear(site, gone)
        ):
            yield f"removed the run directory of {container}"
    for container in sorted(_cgroup_names(site) - {_KEPT_BY_ZYGOTE}):
        if _drop_cgroup(site, container):
            yield f"removed the cgroup of {container}"


def _drop_orphan(site: Site, container: str, drop: Callable[[str], None]) -> bool:
    """Drop what belongs to no container, while nobody can make one of that id."""
    try:
        with locks.hold(creating(site), wait=False):
            if os.path.exists(site.config.container_data(container)):
                return False
            drop(container)
            return True
    except Unavailable:
        return False


def _drop_cgroup(site: Site, container: str) -> bool:
    """Remove a container's cgroup unless it runs, while no verb can start it."""

    def drop(container: str) -> None:
        left = cgroups.open_existing(f"{site.slice}/{container}")
        left.kill()
        left.remove()

    if client.shim_lives(site.config, container):
        return False
    try:
        with locks.hold(f"{site.config.container_data(container)}/lock", wait=False):
            record = site.ledger(container).load().record
            idle = record.state != "running" and not record.restarting
            if idle and not client.shim_lives(site.config, container):
                drop(container)
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
