"""A child that joins and makes namespaces, and leaves when they are held open by its maker.

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

import errno
import os
from collections.abc import Callable

from runtime.errors import KernelRefused
from runtime.isolation import sync
from runtime.kernel import prctl, process


class Factory:
    """A context manager around the child; `prepare` is what it does inside."""

    def __init__(self, prepare: Callable[[], None]) -> None:
        self._prepare = prepare
        self._gate = sync.Pipe()
        self._answer = sync.Pipe()
        self.pid = 0
        self._pidfd = -1

    def __enter__(self) -> Factory:
        try:
            self.pid, self._pidfd = process.clone3(0)
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

    def wait(self) -> None:
        """Wait till the child has prepared. Raises what it met."""
        kind, _ = self._answer.hear()
        if kind != sync.READY:
            raise KernelRefused("clone3", errno.ESRCH, "the namespace factory died")

    def _work(self) -> None:
        try:
            prctl.set_dumpable(False)
            self._gate.keep_reader()
            self._answer.keep_writer()
            self._prepare()
            self._answer.tell(sync.READY)
            self._gate.hear()
        except BaseException as fault:  # noqa: BLE001  # the maker gets every kind
            self._answer.tell_fault(fault)
        finally:
            os._exit(0)
