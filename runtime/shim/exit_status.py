"""How a process ended, as its parent sees it."""

from __future__ import annotations

import os


def exit_code(status: int) -> int:
    """Return the exit code of a wait status; 128 and the number for a signal, as shells do."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def wait_status(pid: int) -> int | None:
    """Return how our own child ended, and leave it to be reaped; None if it is not ours.

    As long as it is not reaped, its end outlives us too: whoever becomes its parent sees it.
    """
    try:
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    if ended is None:
        return None
    return ended.si_status << 8 if ended.si_code == os.CLD_EXITED else ended.si_status


def reap(pid: int) -> None:
    """Let go of our own child that ended; one that is not ours is left alone (waitpid(2))."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
