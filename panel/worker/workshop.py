"""What this worker process works with: one engine for all its threads, opened when first needed.

A pool child is forked from a process that never opened one, so no engine crosses a fork.
"""

from __future__ import annotations

import os
import threading

from django.conf import settings

from panel.policy import ceiling
from panel.worker.run import Workshop
from runtime.config import EngineConfig
from runtime.engine import Engine

_opened: dict[int, Workshop] = {}
_opening = threading.Lock()


def workshop() -> Workshop:
    """Return the calling process's workshop. Raises Unavailable, KernelRefused."""
    pid = os.getpid()
    found = _opened.get(pid)
    if found is not None:
        return found
    with _opening:
        if pid not in _opened:
            _opened[pid] = open_workshop()
        return _opened[pid]


def open_workshop() -> Workshop:
    """Open the engine of the configured instance. Raises Unavailable, KernelRefused."""
    config = EngineConfig(
        data_root=settings.DATA_ROOT, run_root=settings.RUN_ROOT, id_base=settings.ID_BASE
    )
    return Workshop(
        node=settings.NODE_NAME,
        engine=Engine.open(config),
        uploads=config.uploads,
        ceiling=lambda: ceiling.read(settings.DATA_ROOT, id_base=settings.ID_BASE),
    )
