"""Wait for a container's end."""

from __future__ import annotations

import time

from runtime.containers.site import Site
from runtime.errors import Unavailable
from runtime.events import ContainerRecord
from runtime.state import watches

_LOOK_SECONDS = 5.0
"""A look without being told: for a directory that was moved away."""


def wait(site: Site, container: str, *, timeout_seconds: float | None) -> ContainerRecord:
    """Return the record once the container exited and will not be restarted.

    Raises NotFound where it was deleted meanwhile, Unavailable when the time is over.
    """
    ledger = site.ledger(container)
    record = ledger.load().record
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    with watches.watch(site.directory(container), watches.MOVED_TO) as watched:
        while True:
            record = ledger.load().record
            if _over(record):
                record = ledger.load_told().record
            if _over(record):
                return record
            left = _LOOK_SECONDS if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise Unavailable(f"container {container} is {record.state} still")
            watched.wait(min(left, _LOOK_SECONDS))


def _over(record: ContainerRecord) -> bool:
    return record.state in ("exited", "dead") and not record.restarting
