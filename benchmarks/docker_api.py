"""The Docker Engine API over a Unix socket: Docker's, or podman's imitation of it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
from dataclasses import dataclass
from typing import Any

from benchmarks.samples import Sample, measure

SOCKETS = {"Docker": "/var/run/docker.sock", "podman": "/run/podman/podman.sock"}
IMAGE = "moorage-benchmark"


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a port."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self._path)


@dataclass
class DockerApi:
    """Create and start over the API: the start's answer means that the process runs."""

    path: str

    @staticmethod
    def answering() -> dict[str, DockerApi]:
        """Return the engines that answer on their usual sockets, or on BENCH_DOCKER_SOCKET."""
        paths = {**SOCKETS}
        if "BENCH_DOCKER_SOCKET" in os.environ:
            paths["Docker"] = os.environ["BENCH_DOCKER_SOCKET"]
        found = {name: DockerApi(path) for name, path in paths.items() if os.path.exists(path)}
        return {name: engine for name, engine in found.items() if engine._answers()}

    def load(self, rootfs: str) -> None:
        """Import a root file system as the image that is used."""
        tar = subprocess.run(["tar", "-C", rootfs, "-c", "."], capture_output=True, check=True)
        self._call("POST", f"/images/create?fromSrc=-&repo={IMAGE}&tag=latest", tar.stdout)

    def once(self) -> Sample:
        """Measure create to running; the removal is not part of it."""
        made: list[str] = []
        sample = measure(lambda: made.append(self._run()))
        self._call("DELETE", f"/containers/{made[0]}?force=1")
        return sample

    def _run(self) -> str:
        spec = {"Image": IMAGE, "Cmd": ["sleep", "1000"], "HostConfig": {"NetworkMode": "none"}}
        made = self._call("POST", "/containers/create", json.dumps(spec).encode())
        container = str(json.loads(made)["Id"])
        self._call("POST", f"/containers/{container}/start")
        return container

    def _answers(self) -> bool:
        try:
            self._call("GET", "/_ping")
        except (OSError, RuntimeError):
            return False
        return True

    def _call(self, method: str, path: str, body: bytes | None = None) -> Any:
        connection = UnixConnection(self.path)
        try:
            kind = "application/json" if body and body[:1] == b"{" else "application/x-tar"
            connection.request(method, path, body=body, headers={"Content-Type": kind})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:200]!r}")
        return content
