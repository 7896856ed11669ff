"""Send a signal to a container's first process, or to all of its processes."""

from __future__ import annotations

import os
import signal

from runtime.cli import containers, log
from runtime.cli.arguments import Words
from runtime.cli.containers import Container, root_of
from runtime.errors import Conflict, InvalidSpec, KernelRefused
from runtime.kernel import process

_ALIVE = ("creating", "created", "running", "paused")


def command(words: Words) -> int:
    """Carry `kill` out; with `--regex`, for all whose ids fit, and what one refuses is told."""
    if words.is_on("--regex"):
        for container in containers.find_matching(root_of(words), words.words[0]):
            try:
                _kill(words, container)
            except Conflict as fault:
                log.warn(words, f"{container.record.id}: {fault}")
        return 0
    _kill(words, containers.find(root_of(words), words.words[0]))
    return 0


def signal_number(text: str) -> int:
    """Return the number of `SIGKILL`, `kill` or `9`. Raises InvalidSpec. See signal(7)."""
    if text.isascii() and text.isdigit() and 0 <= int(text) <= signal.SIGRTMAX:
        return int(text)
    name = text.upper()
    name = name if name.startswith("SIG") else f"SIG{name}"
    if name not in signal.Signals.__members__:
        raise InvalidSpec("SIGNAL", f"{text!r} is not a signal")
    return int(signal.Signals[name])


def _kill(words: Words, container: Container) -> None:
    number = signal_number(words.words[1] if len(words.words) > 1 else "TERM")
    if words.is_on("--all"):
        signal_all(container, number)
        return
    status = container.status
    if status not in _ALIVE or not signal_first(container, number):
        raise Conflict("container not running")
    if status == "paused" and number == signal.SIGKILL:
        _let_die(container)


def signal_first(container: Container, number: int) -> bool:
    """Signal exactly the first process; say whether it was there. Raises KernelRefused."""
    try:
        pidfd = process.pidfd_open(container.record.pid)
        try:
            # The handle is of that very process if it still is what the record names.
            if not container.is_alive():
                return False
            process.pidfd_send_signal(pidfd, number)
        finally:
            os.close(pidfd)
    except KernelRefused as refused:
        if process.is_gone(refused):
            return False
        raise
    return True


def _let_die(container: Container) -> None:
    """Thaw what was killed while it was paused: on v1 it dies only then."""
    cgroup = container.cgroup()
    if cgroup is not None:
        cgroup.thaw()
        cgroup.close()


def signal_all(container: Container, number: int) -> None:
    """Signal whatever is in the container's cgroup."""
    cgroup = container.cgroup()
    if cgroup is None:
        signal_first(container, number)
        return
    try:
        if number == signal.SIGKILL:
            cgroup.kill()
            return
        for pid in cgroup.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
    finally:
        cgroup.close()
