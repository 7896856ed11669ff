"""Ends what `manage.py up` of the same data root began."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from django.conf import settings

from panel.host.errors import HostRefused
from panel.host.lock import read_record
from panel.host.roots import Roots
from runtime.config import EngineConfig
from runtime.engine import Engine
from runtime.errors import NotFound

SUPERVISOR_SECONDS = 40.0
CONTAINER_SECONDS = 60.0


def stop_platform(roots: Roots) -> bool:
    """Stop the platform of `roots`; containers go on. False where none was running.

    Raises HostRefused where it does not stop in time.
    """
    record = read_record(roots)
    if record is None or not record.is_alive():
        return False
    record.supervisor.send(signal.SIGTERM)
    if not record.supervisor.wait(SUPERVISOR_SECONDS):
        raise HostRefused(f"process {record.supervisor.pid} has not stopped in time")
    return True


def stop_containers(*, say: Callable[[str], None]) -> int:
    """Stop every container of the instance and return how many were running."""
    config = EngineConfig(
        data_root=settings.DATA_ROOT, run_root=settings.RUN_ROOT, id_base=settings.ID_BASE
    )
    with Engine.open(config) as engine:
        running = [one for one in engine.containers.list() if one.state in ("running", "paused")]
        for record in running:
            engine.containers.stop(record.id)
        deadline = time.monotonic() + CONTAINER_SECONDS
        for record in running:
            left = max(deadline - time.monotonic(), 0.1)
            try:
                engine.containers.wait(record.id, timeout_seconds=left)
            except NotFound:
                continue
            say(f"stopped {record.id[:12]}")
    return len(running)
