"""The inside of a new container: the child that builds it and becomes its first process.

It is host root in a private mount namespace until it enters the user namespace, last of all; so
it works by descriptors only, pivots before it looks at anything of the image, and imports nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NoReturn

from runtime.abi import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    MOUNT_ATTR_RDONLY,
    MS_SLAVE,
    O_PATH,
)
from runtime.cgroups.cgroup import Cgroup
from runtime.isolation import finish, mounts, reaper, rootfs, sync, sysctls, users
from runtime.isolation.children import EXIT_FAILED, stop_imports
from runtime.isolation.idmap import as_owner
from runtime.isolation.namespaces import Space, prepare_network
from runtime.isolation.plan import LaunchPlan
from runtime.kernel import paths, prctl
from runtime.kernel.keyrings import join_new_session_keyring
from runtime.kernel.mounts import mount_setattr, open_tree, set_propagation
from runtime.kernel.namespaces import setdomainname, sethostname, setns, unshare

__all__ = ["EXIT_FAILED", "Order", "run", "stop_imports"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """All that the child needs; it was made before the clone."""

    plan: LaunchPlan
    space: Space
    cgroup: Cgroup
    stdio: tuple[int, int, int]
    pipe: sync.Pipe


def run(order: Order) -> NoReturn:
    """Become the container's first process, or tell the fault and exit. Never returns."""
    try:
        prctl.set_dumpable(False)
        stop_imports()
        order.pipe.keep_writer()
        _leave_host(order)
        _become_first(order)
    except BaseException as fault:  # noqa: BLE001  # the parent gets every kind
        order.pipe.tell_fault(fault)
    finally:
        os._exit(EXIT_FAILED)


def _leave_host(order: Order) -> None:
    order.cgroup.attach_self_v1()
    finish.give_pipes(order.stdio, order.space.id_base)
    finish.take_stdio(order.stdio, order.pipe)
    space = order.space
    joined = ((space.net, CLONE_NEWNET), (space.uts, CLONE_NEWUTS), (space.ipc, CLONE_NEWIPC))
    finish.close_the_rest(order.pipe, space.user, *(fd for fd, _ in joined if fd is not None))
    join_new_session_keyring()
    finish.reset_signals()
    finish.reset_umask()
    finish.limit(order.plan.process)
    finish.choose_victim(order.plan.process)
    for descriptor, kind in joined:
        assert descriptor is not None
        setns(descriptor, kind)
    fresh = order.plan.fresh
    if fresh & CLONE_NEWNET:
        prepare_network(space.id_base)
    for name, value in order.plan.sysctls:
        sysctls.write(name, value, owner=space.id_base, field=f"namespaces.sysctls.{name}")
    if fresh & CLONE_NEWCGROUP:
        unshare(CLONE_NEWCGROUP)
    if fresh & CLONE_NEWUTS:
        sethostname(order.plan.hostname)
    if order.plan.domainname is not None:
        setdomainname(order.plan.domainname)
    set_propagation("/", MS_SLAVE)


def _become_first(order: Order) -> NoReturn:
    plan, own = order.plan, order.plan.process.own
    overlay = rootfs.mount_overlay(
        plan.layers,
        plan.state_dir,
        user_namespace=order.space.user if own & CLONE_NEWUSER else None,
        id_base=order.space.id_base,
    )
    memory = None if own & CLONE_NEWIPC else open_tree(mounts.SHARED_MEMORY)
    rootfs.pivot(overlay, plan.state_dir)
    root = os.open("/", O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    mounts.build(plan, root)
    if memory is not None:
        mounts.share_memory(root, memory)
        os.close(memory)
    identity = users.find(root, plan.process.user, plan.process.groups)
    with as_owner(order.space.id_base):
        os.close(paths.make_directories(root, plan.process.cwd))
    if plan.read_only:
        mount_setattr(overlay, add=MOUNT_ATTR_RDONLY)
    if own & CLONE_NEWUSER:
        setns(order.space.user, CLONE_NEWUSER)
    finish.enter_directory(root, plan.process.cwd)
    if plan.reaper is not None:
        reaper.stand_before(plan.reaper, identity, order.pipe)
    finish.constrain(plan.process)
    finish.become(identity, plan.process.confinement)
    finish.execute(plan.process, identity, root, order.pipe)
