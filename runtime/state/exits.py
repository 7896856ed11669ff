"""How a container's run ended, durable before anybody is told of it."""

from __future__ import annotations

import errno
import time
from dataclasses import asdict, dataclass

from runtime.state import durable, schema

FULL_DISK_SECONDS = 0.5
"""How long to wait for room before trying again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRecord:
    """The end of run number `run`; `exit_code` is None where the kernel's answer was lost."""

    run: int
    exit_code: int | None
    oom_killed: bool
    finished_ns: int
    error: str = ""


def write(directory: str, record: ExitRecord) -> None:
    """Record the end of a run in the container's directory (fsync(2)).

    Waits for as long as the disk is full: nobody else could tell of this end. Raises OSError for
    whatever else is wrong.
    """
    while True:
        try:
            durable.replace_durably(f"{directory}/exit.json", schema.encode(asdict(record)))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
        else:
            return
        time.sleep(FULL_DISK_SECONDS)


def load(directory: str, *, run: int) -> ExitRecord | None:
    """Return how run number `run` ended, or None if that is not recorded."""
    path = f"{directory}/exit.json"
    try:
        record = ExitRecord(**schema.decode(durable.read(path), path))
    except FileNotFoundError:
        return None
    return record if record.run == run else None
