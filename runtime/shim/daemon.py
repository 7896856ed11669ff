"""Becoming the zygote: `python -S -E -I -c ... daemon.main(config)` in a process made for it."""

from __future__ import annotations

import gc
import os
import resource
import signal
import traceback
from contextlib import suppress

from runtime.cgroups import cgroup as cgroups
from runtime.config import EngineConfig
from runtime.errors import Conflict, InvalidSpec, Unavailable
from runtime.isolation import capabilities, seccomp
from runtime.kernel import prctl
from runtime.oci.bundle import DEFAULT_CAPABILITIES, Resources
from runtime.shim.zygote import Zygote
from runtime.state import instance, locks

READY = b"ready\n"


def main(data_root: str, run_root: str) -> None:
    """Detach from whoever started this, become the instance's zygote, say so on stdout, serve.

    Where another zygote has the lock, that one serves and this one just leaves. Whatever goes
    wrong before is said on stdout too.
    """
    _detach()
    try:
        config = EngineConfig(data_root=data_root, run_root=run_root)
        lock = locks.acquire(f"{config.run}/zygote.lock", wait=False)
    except Unavailable:
        _tell(READY)
        os._exit(0)
    try:
        _arrange(config)
        zygote = Zygote(config)
    except BaseException as error:  # noqa: BLE001 - the one who waits must hear of it
        traceback.print_exc()
        _tell(f"{error}\n".encode())
        os._exit(1)
    _tell(READY)
    _warm_up()
    gc.collect()
    gc.disable()
    gc.freeze()
    zygote.serve()
    os.close(lock)
    os._exit(0)


def _detach() -> None:
    """Leave the starter's session and process tree; two forks, so that no terminal comes back."""
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.umask(0o077)
    os.chdir("/")
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def _arrange(config: EngineConfig) -> None:
    """Take a cgroup of our own, and be the one to whom orphans of shims go."""
    prctl.set_child_subreaper()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    name = instance.instance_id(config.instance_file)
    path = f"moorage.slice/{name}/zygote"
    try:
        own = cgroups.create(path, Resources())
    except Conflict:  # an earlier zygote's, in which its shims still are
        own = cgroups.open_existing(path)
    own.attach(os.getpid())
    own.close()


def _warm_up() -> None:
    """Do once what each fork would do again: the default filter is kept where it was made."""
    with suppress(InvalidSpec):  # told to whoever starts a container here
        seccomp.default_program(os.uname().machine, capabilities.mask(DEFAULT_CAPABILITIES))


def _tell(text: bytes) -> None:
    """Say the last word on stdout: its other end then sees the end of it."""
    os.write(1, text)
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
