"""The inside of an exec: a child that enters a container of an OCI bundle and starts a process.

    parent                    joiner (caller's pid namespace)     process (container's)
    ------                    -------------------------------     ---------------------
    clone3            --->    cgroup, namespaces, terminal,
                              the user namespace last
    "p" pid          <---     clone3(CLONE_PARENT)        --->    drops, "r", execve
    reaps the joiner <---     exits

The process is the parent's child. The joiner cannot be seen from inside; the process can, so it is
not dumpable and has nothing of the runtime that could be reached.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NoReturn

from runtime.abi import CLONE_NEWUSER, CLONE_PARENT, O_PATH
from runtime.cgroups.cgroup import Cgroup
from runtime.isolation import sync
from runtime.isolation.children import EXIT_FAILED, stop_imports
from runtime.isolation.oci import become, console
from runtime.isolation.oci.plan import IdMaps, ProcessPlan
from runtime.kernel import prctl, process
from runtime.kernel.keyrings import join_new_session_keyring
from runtime.kernel.namespaces import setns


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """All that the joiner needs; it was made before the clone.

    `target` is the pidfd of the container's first process, `kinds` are flags of the namespaces that
    it does not share with the caller, `console` is a connected socket, for the terminal.
    """

    process: ProcessPlan
    target: int
    kinds: int
    maps: IdMaps
    cgroup: Cgroup | None
    up: sync.Pipe
    console: int | None


def run(order: Order) -> NoReturn:
    """Start the process in the container, or tell the fault and exit. Never returns."""
    wanted, told = order.process, order.up
    try:
        prctl.set_dumpable(False)
        stop_imports()
        told.keep_writer()
        _leave_caller(order)
        top, slave = _enter(order)
        here = become.enter_directory(top, wanted.cwd)
        path, environment = become.find(wanted, top, here)
        pid, _ = process.clone3(CLONE_PARENT, exit_signal=0)
        if pid == 0:
            os.setsid()
            if slave is not None:
                console.take(slave)
            become.execute(wanted, path, environment, told)
        told.tell(sync.PID, str(pid).encode())
        os._exit(0)
    except BaseException as fault:  # noqa: BLE001  # the parent gets every kind
        told.tell_fault(fault)
    finally:
        os._exit(EXIT_FAILED)


def _leave_caller(order: Order) -> None:
    if order.cgroup is not None:
        order.cgroup.attach_self_v1()
    kept = [order.up.writer, order.target, *order.process.preserved]
    kept += [order.console] if order.console is not None else []
    process.close_all_but((*range(become.FIRST_FREE), *kept))
    join_new_session_keyring()
    process.reset_signals()
    become.limit(order.process)
    if order.process.affinity is not None:
        become.choose_processors(order.process.affinity.final)


def _enter(order: Order) -> tuple[int, int | None]:
    """Enter all namespaces; return the root's descriptor and that of the terminal, if any."""
    others = order.kinds & ~CLONE_NEWUSER
    if others:
        setns(order.target, others)
    top = os.open("/", O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    slave = None
    if order.console is not None:
        slave = console.open_terminal(order.process, order.maps, order.console, top)
    else:
        become.give_stdio(order.process, order.maps)
    if order.kinds & CLONE_NEWUSER:
        setns(order.target, CLONE_NEWUSER)
    return top, slave
