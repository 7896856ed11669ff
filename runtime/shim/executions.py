"""Further processes in a running container: begun once, their output captured, their end told."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from typing import Any

from runtime.isolation.launch import Launched
from runtime.shim.exit_status import exit_code, reap, wait_status
from runtime.shim.loop import Loop
from runtime.shim.marks import Marks
from runtime.shim.segments import CHUNK
from runtime.shim.stdio import make_pipes
from runtime.spec.execution import OUTPUT_LIMIT

Join = Callable[[tuple[int, int, int]], Launched]
"""Starts the process with these as its standard streams."""
Ended = Callable[[str, Mapping[str, Any] | None], None]


class Executions:
    """The execs of one container. `ended(operation, result)` is told of each end."""

    def __init__(self, loop: Loop, marks: Marks, *, ended: Ended) -> None:
        self._loop = loop
        self._marks = marks
        self._ended = ended
        self._running: list[_Execution] = []

    def begin(self, operation: str, join: Join) -> None:
        """Start a process for an operation; nothing happens if it was begun before.

        Raises what refused it, the same again for the same operation; Interrupted.
        """
        self._marks.attempt(operation, lambda: self._launch(operation, join))

    def finish_all(self) -> None:
        """Record the ends of all that is left: their container ended."""
        for execution in list(self._running):
            self._finish(execution)

    def _launch(self, operation: str, join: Join) -> None:
        reading, writing = make_pipes()
        nothing = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        try:
            launched = join((nothing, writing["stdout"], writing["stderr"]))
        except BaseException:
            for fd in reading.values():
                os.close(fd)
            raise
        finally:
            for fd in (nothing, *writing.values()):
                os.close(fd)
        execution = _Execution(operation, launched, reading)
        self._running.append(execution)
        for name, fd in reading.items():
            self._loop.watch(fd, lambda name=name: self._pump(execution, name))  # type: ignore[misc]
        self._loop.watch(launched.pidfd, lambda: self._finish(execution))

    def _pump(self, execution: _Execution, name: str) -> None:
        if not execution.read(name):
            self._loop.forget(execution.pipes[name])
            execution.close_one(name)

    def _finish(self, execution: _Execution) -> None:
        self._running.remove(execution)
        for fd in (execution.pidfd, *execution.pipes.values()):
            self._loop.forget(fd)
        result = execution.result()
        self._marks.finish(execution.operation, result=result)
        self._ended(execution.operation, result)


class _Execution:
    """One process, and the beginning of what it printed."""

    def __init__(self, operation: str, launched: Launched, pipes: dict[str, int]) -> None:
        self.operation = operation
        self.pid = launched.pid
        self.pidfd = launched.pidfd
        self.pipes = pipes
        self._output = {name: bytearray() for name in pipes}
        self._truncated = False

    def read(self, name: str) -> bool:
        """Take in a piece of output; say whether more may come."""
        try:
            data = os.read(self.pipes[name], CHUNK)
        except BlockingIOError:
            return True
        kept = self._output[name]
        room = OUTPUT_LIMIT - len(kept)
        kept += data[:room]
        self._truncated = self._truncated or len(data) > room
        return bool(data)

    def close_one(self, name: str) -> None:
        os.close(self.pipes.pop(name))

    def result(self) -> dict[str, Any]:
        """Reap the process, take in what is in the pipes, let go, and say how it ended."""
        status = wait_status(self.pid)
        reap(self.pid)
        for name in list(self.pipes):
            self._drain(name)
        os.close(self.pidfd)
        result: dict[str, Any] = {"exit_code": None if status is None else exit_code(status)}
        for name, data in self._output.items():
            result[name], result[f"{name}_base64"] = _as_text(bytes(data))
        result["truncated"] = self._truncated
        return result

    def _drain(self, name: str) -> None:
        """A grandchild may hold the pipe open: what is there now is all that counts."""
        os.set_blocking(self.pipes[name], False)
        for _ in range(OUTPUT_LIMIT // CHUNK + 1):
            before = len(self._output[name])
            if not self.read(name) or len(self._output[name]) == before:
                break
        self.close_one(name)


def _as_text(data: bytes) -> tuple[str, bool]:
    """Return output as text, or as base64 and True: NUL is text that databases cannot hold."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" not in text:
        return text, False
    return base64.b64encode(data).decode(), True
