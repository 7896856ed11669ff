"""A child that exists only so that namespaces can be made, and leaves when they are held open.

maker (outside)                         factory (inside)
---------------                         ----------------
clone3(kinds)                    --->   blocks on the gate
(writes the id maps)
release: "r" on the gate         --->   prepare()
hear "r", or a fault            <---    tells, blocks on the gate
opens /proc/<pid>/ns/*
closes the gate                  --->   exits
"""

from __future__ import annotations

import os
from collections.abc import Callable

from runtime.errors import KernelRefused
from runtime.isolation import sync
from runtime.kernel import prctl, process


class Factory:
    """A context manager around the child; `prepare` is what it does inside, once released."""

    def __init__(self, kinds: int, prepare: Callable[[], None]) -> None:
        self._kinds = kinds
        self._prepare = prepare
        self._gate = sync.Pipe()
        self._answer = sync.Pipe()
        self.pid = 0
        self._pidfd = -1

    def __enter__(self) -> Factory:
        try:
            self.pid, self._pidfd = process.clone3(self._kinds)
        except KernelRefused:
            self._gate.close()
            self._answer.close()
            raise
        if self.pid == 0:
            self._work()
        self._gate.keep_writer()
        self._answer.keep_reader()
        return self

    def __exit__(self, *_: object) -> None:
        self._gate.close()
        self._answer.close()
        os.close(self._pidfd)
        os.waitpid(self.pid, 0)

    def release(self) -> None:
        """Let the child prepare, and wait till it has. Raises what it met."""
        self._gate.tell(sync.READY)
        kind, _ = self._answer.hear()
        if kind != sync.READY:
            raise KernelRefused("clone3", 3, "the namespace factory died")

    def open_namespaces(self, *names: str) -> list[int]:
        """Return descriptors of the child's namespaces. See namespaces(7)."""
        opened: list[int] = []
        try:
            for name in names:
                path = f"/proc/{self.pid}/ns/{name}"
                opened.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            for descriptor in opened:
                os.close(descriptor)
            raise KernelRefused("open", error.errno or 0, str(error.filename)) from None
        return opened

    def _work(self) -> None:
        try:
            prctl.set_dumpable(False)
            self._gate.keep_reader()
            self._answer.keep_writer()
            if self._gate.hear()[0] == sync.READY:
                self._prepare()
                self._answer.tell(sync.READY)
                self._gate.hear()
        except BaseException as fault:  # noqa: BLE001  # the maker gets every kind
            self._answer.tell_fault(fault)
        finally:
            os._exit(0)


def write_text(path: str, text: str) -> None:
    """Write `text` to a file of the kernel in one call. Raises KernelRefused."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise KernelRefused("write", error.errno or 0, path) from None
