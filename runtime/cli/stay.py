"""Stay with a process to its end, as its terminal and its signals."""

from __future__ import annotations

import os
import signal

from runtime.cli import terminal
from runtime.isolation.children import Launched, send


def stay(launched: Launched, shown: terminal.Console | None) -> int:
    """Pass all signals on to a child till it ends; return its exit code, 128 and more for a signal.

    All signals are blocked in the caller, so that none is lost (sigwaitinfo(2)). `shown` is the
    terminal of the process, if it has one.
    """
    master = shown.receive() if shown is not None else None
    if master is not None:
        terminal.show(launched, master)
    while True:
        pid, status = os.waitpid(launched.pid, os.WNOHANG)
        if pid:
            os.close(launched.pidfd)
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        caught = signal.sigwaitinfo(signal.valid_signals())
        if caught.si_signo not in terminal.NOT_PASSED_ON:
            send(launched, caught.si_signo)
