"""Removes an instance: its containers, its zygote, its cgroups, and everything under its roots."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from django.conf import settings

from panel.host.down import stop_platform
from panel.host.errors import HostRefused
from panel.host.lock import ServingLock
from panel.host.roots import Roots
from runtime.config import EngineConfig
from runtime.engine import Engine
from runtime.errors import Unavailable


def purge(roots: Roots, *, say: Callable[[str], None]) -> None:
    """Stop the platform of `roots` and remove all that it made. Cannot be undone.

    Raises HostRefused where there is no instance, or where systemd's units serve it.
    """
    if not os.path.exists(roots.lock):
        raise HostRefused(f"{roots.data} is not the data root of an instance")
    if stop_platform(roots):
        say("stopped the platform")
    lock = ServingLock.take(roots)
    try:
        _remove_containers(roots, say)
        for root in (roots.data, roots.run):
            shutil.rmtree(root)
            say(f"removed {root}")
    finally:
        lock.release()


def _remove_containers(roots: Roots, say: Callable[[str], None]) -> None:
    config = EngineConfig(data_root=roots.data, run_root=roots.run, id_base=settings.ID_BASE)
    with Engine.open(config) as engine:
        try:
            removed = engine.system.retire()
        except Unavailable as stays:
            raise HostRefused(str(stays)) from None
    for container in removed:
        say(f"removed the container {container[:12]}")
