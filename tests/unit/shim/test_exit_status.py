"""A process is ending when none of its threads goes on."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

from runtime.shim.exit_status import is_ending
from runtime.state import boot

EXIT_OF_A_THREAD = {"x86_64": 60, "aarch64": 93}
"""Numbers of exit(2) itself, which ends one thread; glibc's is exit_group(2)."""
LEADER_LEAVES = """
import ctypes, sys, threading, time
threading.Thread(target=time.sleep, args=(1000,)).start()
ctypes.CDLL(None).syscall(int(sys.argv[1]), 0)
"""


def is_corpse(pid: int) -> bool:
    return b") Z " in Path(f"/proc/{pid}/stat").read_bytes()


def test_what_runs_is_not_ending() -> None:
    assert not is_ending(os.getpid(), boot.start_time(os.getpid()))


def test_what_ended_and_was_not_reaped_is_ending() -> None:
    pid = os.posix_spawnp("true", ["true"], {**os.environ})
    start = boot.start_time(pid)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    assert is_ending(pid, start)
    os.waitpid(pid, 0)
    assert is_ending(pid, start)


def test_a_number_that_somebody_else_has_by_now_names_what_ended() -> None:
    start = boot.start_time(os.getpid()) or 0

    assert is_ending(os.getpid(), start - 1)


def test_what_goes_on_without_its_first_thread_is_not_ending() -> None:
    number = str(EXIT_OF_A_THREAD[platform.machine()])
    with subprocess.Popen([sys.executable, "-c", LEADER_LEAVES, number]) as child:
        start = boot.start_time(child.pid)
        deadline = time.monotonic() + 20
        while not is_corpse(child.pid):
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)

        assert not is_ending(child.pid, start)
        child.send_signal(signal.SIGKILL)
        assert child.wait(20) == -signal.SIGKILL
