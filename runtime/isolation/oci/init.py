"""The inside of a container of an OCI bundle: the child that builds it and waits to be started.

It is host root in a mount namespace of its own until it enters the user namespace. Till the gate
opens nothing of the container has run; what it then still holds is lost before execve(2).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NoReturn

from runtime.abi import CLONE_NEWCGROUP, CLONE_NEWNS, CLONE_NEWUSER, O_PATH
from runtime.cgroups.cgroup import Cgroup
from runtime.isolation import capabilities, sync, sysctls
from runtime.isolation.children import EXIT_FAILED, stop_imports
from runtime.isolation.hooks import run_hooks
from runtime.isolation.oci import become, console, rootfs
from runtime.isolation.oci.gate import Gate
from runtime.isolation.oci.namespaces import Spaces
from runtime.isolation.oci.plan import Blueprint
from runtime.kernel import prctl, process, rtnetlink
from runtime.kernel.keyrings import join_new_session_keyring
from runtime.kernel.namespaces import setdomainname, sethostname, setns, unshare
from runtime.oci.config import Hook

_SYS_ADMIN = 1 << capabilities.NUMBERS["CAP_SYS_ADMIN"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """All that the child needs; it was made before the clone.

    `up` is the channel to the parent; what comes back on the stream `down` is the container's state
    once the parent's hooks have run. `console` is a connected socket, for the terminal.
    """

    blueprint: Blueprint
    spaces: Spaces
    cgroup: Cgroup | None
    up: sync.Pipe
    down: int
    gate: Gate
    console: int | None


def run(order: Order) -> NoReturn:
    """Become the container's first process, or tell the fault and exit. Never returns."""
    told = order.up
    try:
        prctl.set_dumpable(False)
        stop_imports()
        told.keep_writer()
        _leave_host(order)
        root = _build(order)
        path, environment = _enter(order, root)
        told.tell(sync.READY)
        told.close()
        told, state = order.gate.wait()
        run_hooks("startContainer", _hooks(order, "startContainer"), state)
        become.execute(order.blueprint.process, path, environment, told)
    except BaseException as fault:  # noqa: BLE001  # whoever listens gets every kind
        told.tell_fault(fault)
    finally:
        os._exit(EXIT_FAILED)


def _hooks(order: Order, kind: str) -> tuple[Hook, ...]:
    return order.blueprint.config.hooks.get(kind, ())


def _leave_host(order: Order) -> None:
    spaces, blueprint = order.spaces, order.blueprint
    if order.cgroup is not None:
        order.cgroup.attach_self_v1()
    _keep_descriptors(order)
    os.setsid()
    join_new_session_keyring()
    process.reset_signals()
    become.limit(blueprint.process)
    for descriptor, flag in spaces.joined:
        if flag != CLONE_NEWUSER:
            setns(descriptor, flag)
    if spaces.fresh_network:
        rtnetlink.bring_loopback_up()
    if spaces.has_new_cgroup:
        unshare(CLONE_NEWCGROUP)
    config = blueprint.config
    if config.hostname:
        sethostname(config.hostname)
    if config.domainname:
        setdomainname(config.domainname)
    owner = spaces.maps.uid(0, "linux.uidMappings") if config.linux.sysctl else 0
    for name, value in config.linux.sysctl:
        sysctls.write(name, value, owner=owner, field=f"linux.sysctl.{name}")


def _keep_descriptors(order: Order) -> None:
    kept = [order.up.writer, order.down, order.gate.listener, order.gate.lock]
    kept += [fd for fd, _ in order.spaces.joined]
    kept += order.spaces.mapped.values()
    kept += [fd for fd in (order.spaces.user, order.console) if fd is not None]
    stdio = range(become.FIRST_FREE)
    process.close_all_but((*stdio, *order.blueprint.process.preserved, *kept))


def _build(order: Order) -> int:
    """Build the tree, let the hooks run, and make it the root."""
    root = rootfs.build(order.blueprint, order.spaces, order.cgroup)
    order.up.tell(sync.BUILT)
    state = _read_all(order.down)
    if not state:
        os._exit(EXIT_FAILED)  # the parent died
    run_hooks("createContainer", _hooks(order, "createContainer"), state)
    rootfs.pivot(root, whole=order.blueprint.pivot)
    return root


def _enter(order: Order, root: int) -> tuple[str, dict[str, str]]:
    """Enter the user namespace; find what is to be executed, and set its streams up."""
    wanted, spaces = order.blueprint.process, order.spaces
    owner = spaces.maps.uid(0, "linux.uidMappings") if spaces.maps.uids else 0
    rootfs.seal(order.blueprint, root, owner)
    top = os.open("/", O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    if order.console is not None:
        slave = console.open_terminal(wanted, spaces.maps, order.console, top)
        console.attach(top, slave)
        console.take(slave)
    become.give_stdio(wanted, spaces.maps)
    if spaces.user is not None:
        setns(spaces.user, CLONE_NEWUSER)
        if wanted.powers.bounding & _SYS_ADMIN:
            # So that it may mount in there; what was mounted till now stays locked together.
            unshare(CLONE_NEWNS)
            top = os.open("/", O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    here = become.enter_directory(top, wanted.cwd)
    return become.find(wanted, top, here)


def _read_all(descriptor: int) -> bytes:
    told = b""
    while part := os.read(descriptor, 65_536):
        told += part
    os.close(descriptor)
    return told
