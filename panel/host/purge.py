"""Removes an instance: its containers, its zygote, its cgroups, and everything under its roots."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable

from django.conf import settings

from panel.host.down import stop_platform
from panel.host.errors import HostRefused
from panel.host.lock import ServingLock
from panel.host.roots import Roots
from runtime.cgroups.layout import detect
from runtime.config import EngineConfig
from runtime.containers.site import open_site
from runtime.engine import Engine
from runtime.errors import NotFound

GROUP_SECONDS = 10.0


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
    site = open_site(config)
    with Engine(site) as engine:
        for record in engine.containers.list():
            with contextlib.suppress(NotFound):
                engine.containers.delete(record.id, force=True)
                say(f"removed the container {record.id[:12]}")
    site.zygote.leave()
    for tree in detect().hierarchies:
        _remove_group(f"{tree.mount}/{site.slice}/zygote")
        _remove_group(f"{tree.mount}/{site.slice}")
        with contextlib.suppress(OSError):  # other instances may be in it
            os.rmdir(os.path.dirname(f"{tree.mount}/{site.slice}"))


def _remove_group(directory: str) -> None:
    """Remove a cgroup whose last process may be just ending. Raises HostRefused if it stays."""
    deadline = time.monotonic() + GROUP_SECONDS
    while True:
        try:
            os.rmdir(directory)
            return
        except FileNotFoundError:
            return
        except OSError as busy:
            if time.monotonic() > deadline:
                raise HostRefused(f"the cgroup {directory} stays: {busy.strerror}") from None
        time.sleep(0.02)
