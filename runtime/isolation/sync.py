"""How a process being set up talks to the one that started it: packets on a pipe, one direction.

    child                                   parent
    -----                                   ------
    "p" pid of the process to watch  --->   (join only)
    "b" built, but for the pivot     --->   (OCI bundles only) the parent's hooks run
    "r" ready                        --->   the next thing is execve(2)
    end of file                      --->   after "r": execve succeeded; before: the child died
    or "i" "k" "x", a fault          --->   raises it; the child exits

The pipe is close-on-exec and in packet mode (O_DIRECT, pipe(2)): one write is one read. Two
processes write during a join, so "p" may come after what the process itself tells.
"""

from __future__ import annotations

import errno
import os
import select
import time
from dataclasses import dataclass

from runtime.errors import InvalidSpec, KernelRefused, RuntimeFault, Unavailable

PID = b"p"
BUILT = b"b"
READY = b"r"
_INVALID = b"i"
_REFUSED = b"k"
_UNEXPECTED = b"x"
_PACKET = 4096


@dataclass(slots=True)
class Story:
    """What a child told from first to last; `ready` without a fault means that it has executed."""

    pid: int | None = None
    ready: bool = False
    fault: RuntimeFault | None = None


class Pipe:
    """Both ends of one channel; each side closes the end that is not its own."""

    __slots__ = ("reader", "writer")

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe2(os.O_CLOEXEC | os.O_DIRECT)

    @classmethod
    def over(cls, *, reader: int = -1, writer: int = -1) -> Pipe:
        """Return a channel over one end that is open already, a packet socket's for instance."""
        pipe = cls.__new__(cls)
        pipe.reader, pipe.writer = reader, writer
        return pipe

    def keep_reader(self) -> None:
        """Close the writing end."""
        os.close(self.writer)
        self.writer = -1

    def keep_writer(self) -> None:
        """Close the reading end."""
        os.close(self.reader)
        self.reader = -1

    def close(self) -> None:
        """Close what is still open."""
        for end in (self.reader, self.writer):
            if end >= 0:
                os.close(end)
        self.reader = self.writer = -1

    def tell(self, kind: bytes, payload: bytes = b"") -> None:
        """Send one message."""
        os.write(self.writer, (kind + payload)[:_PACKET])

    def tell_fault(self, fault: BaseException) -> None:
        """Send `fault`, so that `hear` raises it on the other side."""
        if isinstance(fault, InvalidSpec):
            self.tell(_INVALID, _join(fault.field, fault.reason))
        elif isinstance(fault, KernelRefused):
            self.tell(_REFUSED, _join(fault.call, str(fault.errno), fault.path))
        elif isinstance(fault, OSError):
            name = os.fsdecode(fault.filename) if isinstance(fault.filename, str | bytes) else ""
            self.tell(_REFUSED, _join("open", str(fault.errno or errno.EIO), name))
        else:
            self.tell(_UNEXPECTED, _join(f"{type(fault).__name__}: {fault}"))

    def hear(self, *, deadline: float | None = None) -> tuple[bytes, bytes]:
        """Return the next (kind, payload); kind is empty at the end of file.

        `deadline` is a time.monotonic() value. Raises what the other side told, Unavailable when
        the deadline passes.
        """
        if deadline is not None:
            _wait_readable(self.reader, deadline)
        message = os.read(self.reader, _PACKET)
        kind, payload = message[:1], message[1:]
        if kind in (_INVALID, _REFUSED, _UNEXPECTED):
            raise _fault(kind, payload)
        return kind, payload

    def hear_out(self, *, deadline: float) -> Story:
        """Listen till every writer is gone or the deadline passes; return all that was told."""
        story = Story()
        while not self.hear_into(story, deadline=deadline):
            continue
        return story

    def hear_into(self, story: Story, *, deadline: float | None = None) -> bool:
        """Add what is told next to `story`; say whether that is all, also since it is too late."""
        try:
            kind, payload = self.hear(deadline=deadline)
        except Unavailable as late:
            story.fault = story.fault or late
            return True
        except RuntimeFault as fault:
            story.fault = story.fault or fault
            return False
        if kind == PID:
            story.pid = int(payload)
        elif kind == READY:
            story.ready = True
        return not kind


def _wait_readable(descriptor: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    left = max(0.0, deadline - time.monotonic())
    if not poll.poll(left * 1000):
        raise Unavailable("the process did not get ready in time")


def _join(*parts: str) -> bytes:
    return b"\0".join(part.encode(errors="backslashreplace")[:1000] for part in parts)


def _fault(kind: bytes, payload: bytes) -> RuntimeFault:
    parts = [part.decode(errors="backslashreplace") for part in payload.split(b"\0")]
    if kind == _INVALID:
        return InvalidSpec(parts[0], parts[1])
    if kind == _REFUSED:
        return KernelRefused(parts[0], int(parts[1]), parts[2])
    return RuntimeFault(f"the set-up process failed: {parts[0]}")
