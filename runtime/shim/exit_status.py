"""Whether and how a process ended, as its parent sees it."""

from __future__ import annotations

import os

from runtime.state import boot

_PF_EXITING = 0x4
"""Of the flags in proc_pid_stat(5): the thread is in _exit(2), or through with it."""


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


def is_ending(pid: int, start: int | None) -> bool:
    """Say whether the process of that number and start time has ended, or no thread of it goes on.

    The first process of a pid namespace has ended, as its parent sees it, only when all others in
    it were reaped, those that joined it too: their ends are seen before its (pid_namespaces(7)).
    """
    if boot.start_time(pid) != start:
        return True  # the number belongs to nobody, or to somebody else by now
    try:
        return all(_is_exiting(pid, thread) for thread in os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return True


def _is_exiting(pid: int, thread: str) -> bool:
    try:
        with open(f"/proc/{pid}/task/{thread}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return bool(int(text[text.rindex(b")") + 2 :].split()[6]) & _PF_EXITING)
