"""The sessions of one container: begun once, found by their operation, told of at their end."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Mapping
from typing import Any

from runtime.dialogue import STDERR, STDOUT
from runtime.errors import Exhausted, NotFound, RuntimeFault
from runtime.isolation import terminal
from runtime.isolation.launch import Launched
from runtime.isolation.terminal import Terminal
from runtime.kernel import process
from runtime.shim.conversation import Conversation, Streams
from runtime.shim.executions import Ended
from runtime.shim.loop import Loop
from runtime.shim.marks import Marks
from runtime.shim.stdio import make_pipes

MOST = 16
"""Sessions that a container may have at once, ended ones that somebody may still read included."""

Join = Callable[[tuple[int, int, int], Terminal | None], Launched]
"""Starts the process with these as its standard streams, or with a terminal in their place."""
Take = Callable[[socket.socket], None]
"""Converses with the reader at the other end of a connection."""


class Sessions:
    """The conversations of one container. `ended(operation, result)` is told of each end."""

    def __init__(self, loop: Loop, marks: Marks, *, ended: Ended) -> None:
        self._loop = loop
        self._marks = marks
        self._ended = ended
        self._all: dict[str, Conversation] = {}

    def begin(self, operation: str, spec: Mapping[str, Any], join: Join) -> None:
        """Start a process for an operation; nothing happens if it was begun before.

        `spec` is SessionSpec.to_json(). Raises what refused it, the same again for the same
        operation; Exhausted, Interrupted.
        """
        self._marks.attempt(operation, lambda: self._launch(operation, spec, join))

    def reach(self, session: str, offset: int) -> Take:
        """Return what converses with a reader who has the output up to `offset`.

        Raises NotFound where there is no such session any more, Unavailable for a wrong offset.
        """
        found = self._all.get(session)
        if found is None:
            raise NotFound("session", session)
        found.check(offset)
        return lambda connection: found.attach(connection, offset)

    def end_all(self) -> None:
        """Record the ends of all that is left: their container ended."""
        for conversation in list(self._all.values()):
            conversation.end()

    def _launch(self, operation: str, spec: Mapping[str, Any], join: Join) -> None:
        if len(self._all) >= MOST:
            raise Exhausted(f"the container has {len(self._all)} sessions, {MOST} are the most")
        launched, streams = _with_terminal(spec, join) if spec["tty"] else _with_pipes(join)
        self._all[operation] = Conversation(
            self._loop,
            launched,
            streams,
            ended=lambda result: self._finish(operation, result),
            forget=lambda: self._drop(operation),
        )

    def _finish(self, operation: str, result: Mapping[str, Any]) -> None:
        self._marks.finish(operation, result=result)
        self._ended(operation, result)

    def _drop(self, operation: str) -> None:
        self._all.pop(operation, None)


def _with_terminal(spec: Mapping[str, Any], join: Join) -> tuple[Launched, Streams]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    nothing = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    try:
        wanted = Terminal(rows=spec["rows"], columns=spec["columns"], receiver=theirs.fileno())
        launched = join((nothing, nothing, nothing), wanted)
        try:
            master = terminal.receive(ours)
        except RuntimeFault:
            _abandon(launched)
            raise
    finally:
        os.close(nothing)
        ours.close()
        theirs.close()
    # A descriptor for each direction, so that pipes and terminals are used alike.
    return launched, Streams(input=os.dup(master), outputs={master: STDOUT}, terminal=True)


def _with_pipes(join: Join) -> tuple[Launched, Streams]:
    reading, writing = make_pipes()
    theirs, ours = os.pipe2(os.O_CLOEXEC)
    try:
        launched = join((theirs, writing["stdout"], writing["stderr"]), None)
    except BaseException:
        for fd in (ours, *reading.values()):
            os.close(fd)
        raise
    finally:
        for fd in (theirs, *writing.values()):
            os.close(fd)
    outputs = {reading["stdout"]: STDOUT, reading["stderr"]: STDERR}
    return launched, Streams(input=ours, outputs=outputs, terminal=False)


def _abandon(launched: Launched) -> None:
    """End a process whose terminal did not come."""
    process.pidfd_send_signal(launched.pidfd, signal.SIGKILL)
    os.waitpid(launched.pid, 0)
    os.close(launched.pidfd)
