"""A container's output: two pipes whose other ends its processes hold, moved into the log."""

from __future__ import annotations

import os

from runtime.shim.segments import STREAMS, SegmentWriter

_NUMBERS = {name: number for number, name in STREAMS.items()}


class Output:
    """The read ends of stdout and stderr of one run, by name."""

    def __init__(self, writer: SegmentWriter, pipes: dict[str, int]) -> None:
        self._writer = writer
        self.pipes = pipes

    def pump(self, name: str) -> bool:
        """Move what one pipe holds, a frame at most; say whether more may come."""
        try:
            return self._writer.move(self.pipes[name], _NUMBERS[name]) > 0
        except BlockingIOError:
            return True

    def close_one(self, name: str) -> None:
        """Let go of a pipe that is at its end."""
        os.close(self.pipes.pop(name))

    def drain(self) -> None:
        """Move all that is left and close.

        Whoever wrote is dead by now, so an empty pipe is finished even where a stray process
        outside the container holds it open.
        """
        for name in list(self.pipes):
            try:
                while self._writer.move(self.pipes[name], _NUMBERS[name]):
                    continue
            except BlockingIOError:
                pass
            self.close_one(name)


def make_pipes() -> tuple[dict[str, int], dict[str, int]]:
    """Return the read ends (non-blocking) and the write ends of a run's stdout and stderr."""
    reading, writing = {}, {}
    for name in _NUMBERS:
        reading[name], writing[name] = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(reading[name], False)
    return reading, writing
