"""Puts the lines of several processes on one terminal, each behind the name of its process."""

from __future__ import annotations

from typing import BinaryIO

NAME_WIDTH = 8
LONGEST_LINE = 65_536
OWN_NAME = "moorage"


class Output:
    """Writes whole lines; what has no end yet waits for it, up to 64 KiB."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._unfinished: dict[str, bytes] = {}

    def say(self, text: str) -> None:
        """Write a line of the supervisor itself."""
        self.write(OWN_NAME, text.encode() + b"\n")

    def write(self, name: str, content: bytes) -> None:
        """Write the whole lines in `content` of process `name`; keep the rest for later."""
        *lines, rest = (self._unfinished.pop(name, b"") + content).split(b"\n")
        if len(rest) > LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        if rest:
            self._unfinished[name] = rest
        self._put(name, lines)

    def end_line(self, name: str) -> None:
        """Write what process `name` left without an end: it has ended itself."""
        rest = self._unfinished.pop(name, b"")
        if rest:
            self._put(name, [rest])

    def _put(self, name: str, lines: list[bytes]) -> None:
        prefix = f"{name:<{NAME_WIDTH}} | ".encode()
        # A terminal that went away must not take the platform with it.
        try:
            self._stream.write(b"".join(prefix + line + b"\n" for line in lines))
            self._stream.flush()
        except OSError:
            self._unfinished.clear()
