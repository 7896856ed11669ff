"""Remove a container that has stopped, or with `--force` one that has not."""

from __future__ import annotations

import os
import select
import signal

from runtime.cli import containers, log
from runtime.cli.arguments import Words
from runtime.cli.containers import Container, root_of
from runtime.cli.kill import signal_first
from runtime.errors import Conflict, KernelRefused, NotFound, RuntimeFault, Unavailable
from runtime.kernel import process

_SECONDS = 10.0


def command(words: Words) -> int:
    """Carry `delete` out; with `--force`, one that does not exist is fine.

    With `--regex`, all whose ids fit; one that cannot be removed is told, and stays.
    """
    force = words.is_on("--force")
    if words.is_on("--regex"):
        for container in containers.find_matching(root_of(words), words.words[0]):
            try:
                delete(words, container, force=force)
            except RuntimeFault as fault:
                log.warn(words, f"{container.record.id}: {fault}")
        return 0
    try:
        container = containers.find(root_of(words), words.words[0])
        delete(words, container, force=force)
    except NotFound:
        if not force:
            raise
    return 0


def delete(words: Words, container: Container, *, force: bool) -> None:
    """Remove what is left of a container; then the hooks poststop run.

    Raises Conflict where it has not stopped and is not forced to, Unavailable where it does not
    die; nothing has changed then.
    """
    status = container.status
    if status != "stopped" and not force:
        raise Conflict(f"cannot delete a container that is {status}: kill it first, or --force")
    if status == "creating":
        raise Unavailable("the container is just being created")
    lock = containers.lock(container)
    try:
        container = containers.find(os.path.dirname(container.directory), container.record.id)
        hooks = container.hooks("poststop") if container.record.pid else ()
        _end(container)
        cgroup = container.cgroup()
        if cgroup is not None:
            cgroup.kill()
            cgroup.remove()
        containers.remove(container)
    finally:
        os.close(lock)
    if hooks:
        from runtime.cli.late_hooks import run_each

        run_each("poststop", hooks, container, lambda text: log.warn(words, text))


def _end(container: Container) -> None:
    """Kill the first process, and wait till it is dead; whoever its parent is reaps it."""
    if not container.record.pid or not container.is_alive():
        return
    try:
        pidfd = process.pidfd_open(container.record.pid)
    except KernelRefused:
        return
    try:
        if container.is_paused():
            cgroup = container.cgroup()
            assert cgroup is not None
            cgroup.kill()
            cgroup.thaw()
            cgroup.close()
        signal_first(container, signal.SIGKILL)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if not poll.poll(_SECONDS * 1000):
            raise Unavailable("the container's first process does not die")
    finally:
        os.close(pidfd)
