"""One run of a container's health check: a process that joins it, prints little, and ends.

Probe                                        its owner
-----                                        ---------
begin: joins without waiting  -- pid ------> born(pid): it exists
... reads its output, watches for its end
kill: at once, or once it exists
the process is reaped         -- probe ----> ended(probe)
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from runtime.errors import RuntimeFault
from runtime.events import ProbeResult
from runtime.isolation.launch import Joining, Launched
from runtime.shim import health
from runtime.shim.exit_status import exit_code, reap, wait_status
from runtime.shim.leftover import kill_group
from runtime.shim.loop import Loop
from runtime.shim.segments import CHUNK

BeginJoin = Callable[[tuple[int, int, int]], Joining]
"""Begins the process with these as its standard streams."""


class Probe:
    """Minds the process from its beginning until it is reaped; nothing here waits."""

    def __init__(
        self, loop: Loop, *, born: Callable[[int], None], ended: Callable[[Probe], None]
    ) -> None:
        self._loop = loop
        self._born = born
        self._ended = ended
        self._began_ns = time.time_ns()
        self._output = bytearray()
        self._pipe = -1
        self._pid: int | None = None
        self._unwanted = False
        self._exit_code: int | None = None
        self._error = ""

    def begin(self, begin_join: BeginJoin) -> None:
        """Begin the process. Raises what refuses it, OSError; then it never was."""
        reading, writing = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(reading, False)
        try:
            nothing = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
            try:
                joining = begin_join((nothing, writing, writing))
            finally:
                os.close(nothing)
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._pipe = reading
        self._loop.watch(reading, self._read)
        self._loop.watch(joining.fd, lambda: self._hear(joining))

    def kill(self) -> None:
        """End it with all of its process group, at once or as soon as it exists."""
        self._unwanted = True
        if self._pid is not None:
            kill_group(self._pid)

    def result(self, error: str = "") -> ProbeResult:
        """Return what is known by now; `error` in place of what it came to."""
        return ProbeResult(
            started_ns=self._began_ns,
            finished_ns=time.time_ns(),
            exit_code=None if error else self._exit_code,
            output=health.as_text(bytes(self._output)),
            error=error or self._error,
        )

    def _hear(self, joining: Joining) -> None:
        over = joining.hear()
        if self._pid is None and joining.pid is not None:
            self._pid = joining.pid
            self._born(self._pid)
        if self._unwanted:
            self.kill()
        if not over:
            return
        self._loop.forget(joining.fd)
        try:
            launched = joining.judge()
        except (RuntimeFault, OSError) as refused:
            self._pid = None
            self._error = str(refused)
            self._finish()
        else:
            self._loop.watch(launched.pidfd, lambda: self._reap(launched))

    def _read(self) -> None:
        """Take in a piece of output, and let go of it beyond what is kept."""
        try:
            data = os.read(self._pipe, CHUNK)
        except BlockingIOError:
            return
        self._output += data[: health.OUTPUT_KEPT - len(self._output)]
        if not data:
            self._close()

    def _reap(self, launched: Launched) -> None:
        status = wait_status(launched.pid)
        reap(launched.pid)
        self._pid = None
        if status is None:
            self._error = "nobody saw how it ended"
        else:
            self._exit_code = exit_code(status)
        self._loop.forget(launched.pidfd)
        os.close(launched.pidfd)
        self._finish()

    def _finish(self) -> None:
        """A grandchild may hold the pipe open: what is there now is all that counts."""
        while self._pipe >= 0 and len(self._output) < health.OUTPUT_KEPT:
            before = len(self._output)
            self._read()
            if len(self._output) == before:
                break
        self._close()
        self._ended(self)

    def _close(self) -> None:
        if self._pipe >= 0:
            self._loop.forget(self._pipe)
            os.close(self._pipe)
            self._pipe = -1
