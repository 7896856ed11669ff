"""Take an instance out of the kernel: its containers, its zygote, its cgroups. Its files stay."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from runtime.cgroups.layout import detect_all
from runtime.containers.delete import delete
from runtime.containers.inspect import list_all
from runtime.containers.site import Site
from runtime.errors import NotFound, Unavailable
from runtime.events import NullSink

GROUP_SECONDS = 10.0
PAUSE_SECONDS = 0.02


def retire(site: Site) -> tuple[str, ...]:
    """Remove every container by force and all that the kernel has of the instance; return ids.

    For whoever removes the instance or wants none of it running: any later call starts a zygote
    again. Raises Unavailable where a cgroup stays in use.
    """
    removed = []
    for record in list_all(site):
        with suppress(NotFound):
            delete(site, record.id, force=True, sink=NullSink())
            removed.append(record.id)
    site.zygote.leave()
    for tree in detect_all().hierarchies:
        own = f"{tree.mount}/{site.slice}"
        _remove(f"{own}/zygote")
        _remove(own)
        with suppress(OSError):  # other instances may be in it
            os.rmdir(os.path.dirname(own))
    return tuple(removed)


def _remove(group: str) -> None:
    """Remove a cgroup whose last process may be just ending (cgroups(7))."""
    deadline = time.monotonic() + GROUP_SECONDS
    while True:
        try:
            os.rmdir(group)
            return
        except FileNotFoundError:
            return
        except OSError as busy:
            if time.monotonic() > deadline:
                raise Unavailable(f"the cgroup {group} stays: {busy.strerror}") from None
        time.sleep(PAUSE_SECONDS)
