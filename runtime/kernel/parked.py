"""A child that only holds namespaces: it sleeps in libc's sleep(3) till it is killed.

It ends by itself after some seconds: a maker that is killed meanwhile cannot end it, and it has
copies of all that the maker had open, so that whoever waits for the maker's end waits on.
It shares the caller's memory on a stack of its own, so no page table is copied; that costs a
fifth of a fork. All signals but SIGKILL are blocked in it, so it never runs anything else.
"""

from __future__ import annotations

import ctypes
import os
import signal
from types import TracebackType

from runtime.abi import CLONE_PIDFD, CLONE_VM
from runtime.errors import KernelRefused
from runtime.kernel.libc import address_of
from runtime.kernel.process import pidfd_send_signal

SECONDS = 5
"""Its maker needs it for some milliseconds."""
_STACK = 16_384
_ALIGNMENT = 16
_EVERY_SIGNAL = tuple(signal.valid_signals())

_libc = ctypes.PyDLL(None, use_errno=True)
_sleep = ctypes.cast(_libc.sleep, ctypes.c_void_p)
_clone = _libc.clone
_clone.restype = ctypes.c_int


class Parked:
    """A sleeping child in new namespaces of the given kinds, for the length of a `with`."""

    __slots__ = ("_stack", "pid", "pidfd")

    def __init__(self, kinds: int, *, seconds: int = SECONDS) -> None:
        self._stack = ctypes.create_string_buffer(_STACK)
        pidfd = ctypes.c_int(-1)
        top = address_of(self._stack) + _STACK
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _EVERY_SIGNAL)
        try:
            self.pid = _clone(
                _sleep,
                ctypes.c_void_p(top - top % _ALIGNMENT),
                ctypes.c_int(kinds | CLONE_VM | CLONE_PIDFD | signal.SIGCHLD),
                ctypes.c_void_p(seconds),
                ctypes.byref(pidfd),
                None,
                None,
            )
            number = ctypes.get_errno()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if self.pid < 0:
            raise KernelRefused("clone", number)
        self.pidfd = pidfd.value

    def __enter__(self) -> Parked:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pidfd_send_signal(self.pidfd, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.pidfd)
