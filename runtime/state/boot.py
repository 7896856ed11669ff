"""What tells one run of the machine, and one process with a number, from the next."""

from __future__ import annotations

import os
import time


def boot_id() -> str:
    """Return the id of this boot (random(4))."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def start_time(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None where there is none.

    Together with the number it names a process for ever: numbers are used again (proc_pid_stat(5)).
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(text[text.rindex(b")") + 2 :].split()[19])


def seconds_since(start: int | None) -> float:
    """Return how long ago `start` was, a time as `start_time` tells it; 0 where it is not known.

    Neither setting the clock nor a new shim changes it.
    """
    if start is None:
        return 0.0
    return max(0.0, uptime_ns() / 1e9 - start / os.sysconf("SC_CLK_TCK"))


def uptime_ns() -> int:
    """Return nanoseconds since boot, suspended time counted: deadlines that processes share."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
