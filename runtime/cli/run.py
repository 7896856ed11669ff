"""Create and start a container, and stay with it to its end, unless it is detached."""

from __future__ import annotations

import os
import signal

from runtime.cli import containers, create, delete, start
from runtime.cli.arguments import Words
from runtime.cli.stay import stay
from runtime.errors import RuntimeFault


def command(words: Words) -> int:
    """Carry `run` out; the exit code is the container's, 128 and more for a signal."""
    detached = words.is_on("--detach")
    before = signal.pthread_sigmask(signal.SIG_SETMASK, [] if detached else signal.valid_signals())
    try:
        created = create.create(words, foreground=not detached)
        try:
            hooks = created.config.hooks.get("poststart", ())
            start.begin(words, created.container, hooks)
            create.write_pid_file(words, created.launched.pid)
        except RuntimeFault:
            _drop(words, created)
            raise
        if detached:
            return 0
        code = stay(created.launched, created.shown)
        if not words.is_on("--keep"):
            _drop(words, created)
        return code
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _drop(words: Words, created: create.Created) -> None:
    """Remove the container and reap what is left of its first process."""
    container = containers.find(containers.root_of(words), created.container.record.id)
    delete.delete(words, container, force=True)
    try:
        os.waitpid(created.launched.pid, 0)
    except ChildProcessError:
        return
