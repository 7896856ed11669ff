"""A real Valkey of a test's own, on a Unix socket in a directory."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis, RedisError

from panel.host.valkey import server_binary


@contextmanager
def valkey(directory: str) -> Iterator[str]:
    """Serve until the `with` ends; the value is its REDIS_URL."""
    path = f"{directory}/s"
    options = ["--port", "0", "--unixsocket", path, "--dir", directory, "--save", ""]
    server = subprocess.Popen([server_binary(), *options], stdout=subprocess.DEVNULL)
    try:
        _wait_for(path)
        yield f"unix://{path}?db=0"
    finally:
        server.kill()
        server.wait()


def _wait_for(path: str) -> None:
    deadline = time.monotonic() + 20
    with Redis(unix_socket_path=path) as client:
        while True:
            try:
                client.ping()
            except (RedisError, OSError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return
