"""A first process that reaps and passes signals on, before the command: process.init.

    first process                                  command
    -------------                                  -------
    blocks every signal, clone3             --->   leads a process group, unblocks them
    gives up what the command keeps                becomes the user, executes
    SIGCHLD: reaps whoever has ended
    any other signal                        --->   gets it
    exits with the command's code          <---    ends; with the first process all others do

It executes nothing and stays a copy of the shim, which shares nearly all of its memory. As with
every process that has not executed, it is not dumpable: nothing inside can read or trace it, not
even its descriptors, of which it has none. A terminal would be given to the command's group.
"""

from __future__ import annotations

import os
import signal
from typing import NoReturn

from runtime.isolation import finish, sync
from runtime.isolation.plan import Confinement
from runtime.isolation.users import Identity
from runtime.kernel import prctl, process

_NAME = b"init"
_EVERY = frozenset(signal.valid_signals())
_SIGNALLED = 128


def stand_before(confinement: Confinement, identity: Identity, pipe: sync.Pipe) -> None:
    """Return in a child, to become the command; the caller minds it and never returns.

    The caller is in the container's user namespace, and single-threaded.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _EVERY)
    command, _ = process.clone3(0)
    if command == 0:
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        return
    prctl.set_child_subreaper()  # where it shares the host's pid namespace, init is another one
    process.rename(_NAME)
    finish.become(identity, confinement)
    finish.lock(identity, confinement)
    pipe.writer = -1
    process.close_all_but(())
    _mind(command)


def _mind(command: int) -> NoReturn:
    """Serve signals till the command has ended."""
    while True:
        number = signal.sigwaitinfo(_EVERY).si_signo
        if number != signal.SIGCHLD:
            _pass_on(command, number)
            continue
        status = _reap(command)
        if status is not None:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else _SIGNALLED - code)


def _pass_on(command: int, number: int) -> None:
    try:
        os.kill(command, number)
    except (ProcessLookupError, PermissionError):
        return  # it ended; or it is another user, whom we are not allowed to signal


def _reap(command: int) -> int | None:
    """Let all go that have ended; return how the command did. See waitpid(2)."""
    ended = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        if pid == command:
            ended = status
