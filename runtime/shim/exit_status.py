"""How a process ended, as its parent sees it."""

from __future__ import annotations

import os


def exit_code(status: int) -> int:
    """Return the exit code of a wait status; 128 and the number for a signal, as shells do."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def wait_status(pid: int) -> int | None:
    """Reap our own child that ended; None if it is not ours, or was reaped (waitpid(2))."""
    try:
        reaped, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return status if reaped == pid else None
