"""Create and start a container, and stay with it to its end, unless it is detached."""

from __future__ import annotations

import os
import signal

from runtime.cli import containers, create, delete, start
from runtime.cli.arguments import Words
from runtime.errors import KernelRefused, RuntimeFault
from runtime.isolation.children import Launched
from runtime.kernel import process

_NOT_PASSED_ON = {signal.SIGCHLD, signal.SIGURG, signal.SIGTTIN, signal.SIGTTOU, signal.SIGTSTP}


def command(words: Words) -> int:
    """Carry `run` out; the exit code is the container's, 128 and more for a signal."""
    detached = words.is_on("--detach")
    before = signal.pthread_sigmask(signal.SIG_SETMASK, [] if detached else signal.valid_signals())
    try:
        created = create.create(words)
        try:
            start.begin(words, created.container, created.config)
            create.write_pid_file(words, created.launched.pid)
        except RuntimeFault:
            _drop(words, created)
            raise
        if detached:
            return 0
        code = stay(created.launched)
        if not words.is_on("--keep"):
            _drop(words, created)
        return code
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stay(launched: Launched) -> int:
    """Pass all signals on to a child till it ends; return its exit code.

    All signals are blocked in the caller, so that none is lost (sigwaitinfo(2)).
    """
    while True:
        pid, status = os.waitpid(launched.pid, os.WNOHANG)
        if pid:
            os.close(launched.pidfd)
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        caught = signal.sigwaitinfo(signal.valid_signals())
        if caught.si_signo in _NOT_PASSED_ON:
            continue
        try:
            process.pidfd_send_signal(launched.pidfd, caught.si_signo)
        except KernelRefused as refused:
            if not process.is_gone(refused):
                raise


def _drop(words: Words, created: create.Created) -> None:
    """Remove the container and reap what is left of its first process."""
    container = containers.find(create.root_of(words), created.container.record.id)
    delete.delete(words, container, force=True)
    try:
        os.waitpid(created.launched.pid, 0)
    except ChildProcessError:
        return
