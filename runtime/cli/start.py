"""Let the first process of a created container execute its command."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from runtime.cli import containers, log
from runtime.cli.arguments import Words
from runtime.cli.containers import Container, root_of
from runtime.errors import Conflict
from runtime.isolation.oci import gate

if TYPE_CHECKING:
    from runtime.oci.config import Hook

_SECONDS = 3600.0
"""Hooks have timeouts of their own; this only ends a wait for a process that hangs."""


def command(words: Words) -> int:
    """Carry `start` out."""
    container = containers.find(root_of(words), words.words[0])
    begin(words, container, container.hooks("poststart"))
    return 0


def begin(words: Words, container: Container, poststart: tuple[Hook, ...]) -> None:
    """Open the gate; returns when the command is executed and the hooks poststart have run.

    Raises Conflict where it does not wait to be started, what hooks and execve(2) refuse. It is
    stopped then.
    """
    lock = containers.lock(container)
    try:
        status = container.status
        if status != "created":
            raise Conflict(f"cannot start a container that is {status}")
        channel = gate.release(container.directory, container.state_bytes("created"))
        try:
            story = channel.hear_out(deadline=time.monotonic() + _SECONDS)
        finally:
            channel.close()
    finally:
        os.close(lock)
    if story.fault is not None:
        raise story.fault
    if not story.ready:
        from runtime.isolation.oci import launch

        raise launch.death(container.cgroup())
    if poststart:
        from runtime.cli.late_hooks import run_each

        run_each("poststart", poststart, container, lambda text: log.warn(words, text))
