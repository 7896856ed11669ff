"""The inside of a join: a child that enters a running container and starts the process there.

    shim                      joiner (host's pid namespace)       process (container's)
    ----                      -----------------------------       ---------------------
    clone3            --->    enters all namespaces at once
    "p" pid          <---     clone3(CLONE_PARENT)        --->    takes a terminal if it is to
                              exits                              have one, drops, "r", execve
    reaps the joiner

The process is the shim's child, so the shim reaps it too. The joiner cannot be seen from inside;
the process can, so it is not dumpable and has nothing of the engine that could be reached.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NoReturn

from runtime.abi import CLONE_PARENT, O_PATH
from runtime.cgroups.cgroup import Cgroup
from runtime.isolation import finish, init, sync, terminal, users
from runtime.isolation.plan import Process
from runtime.isolation.terminal import Terminal
from runtime.kernel import prctl
from runtime.kernel.keyrings import join_new_session_keyring
from runtime.kernel.namespaces import setns
from runtime.kernel.process import clone3


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """All that the joiner needs; it was made before the clone."""

    process: Process
    target: int
    cgroup: Cgroup | None
    stdio: tuple[int, int, int]
    pipe: sync.Pipe
    terminal: Terminal | None = None


def run(order: Order) -> NoReturn:
    """Start the process in the container, or tell the fault and exit. Never returns."""
    try:
        prctl.set_dumpable(False)
        init.stop_imports()
        order.pipe.keep_writer()
        if order.cgroup is not None:
            order.cgroup.attach_self_v1()
        finish.give_pipes(order.stdio, order.process.id_base)
        finish.take_stdio(order.stdio, order.pipe)
        finish.close_the_rest(order.pipe, order.target, *_receiver(order))
        join_new_session_keyring()
        finish.reset_signals()
        finish.reset_umask()
        finish.limit(order.process)
        finish.choose_victim(order.process)
        setns(order.target, order.process.own)
        root = os.open("/", O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        identity = users.find(root, order.process.user, order.process.groups)
        finish.enter_directory(root, order.process.cwd)
        pid, _ = clone3(CLONE_PARENT, exit_signal=0)
        if pid == 0:
            if order.terminal is not None:
                terminal.take(order.terminal, identity.uid, root)
            else:
                os.setsid()  # a group of its own, so that it can be ended with what it began
            finish.constrain(order.process)
            finish.become(identity, order.process.confinement)
            finish.execute(order.process, identity, root, order.pipe)
        order.pipe.tell(sync.PID, str(pid).encode())
        os._exit(0)
    except BaseException as fault:  # noqa: BLE001  # the shim gets every kind
        order.pipe.tell_fault(fault)
    finally:
        os._exit(init.EXIT_FAILED)


def _receiver(order: Order) -> tuple[int, ...]:
    return (order.terminal.receiver,) if order.terminal is not None else ()
