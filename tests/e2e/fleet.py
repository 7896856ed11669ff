"""What the heavy tests do with a platform: containers by the dozen, their truth, their output."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.config import EngineConfig
from runtime.engine import Engine
from runtime.shim.client import ZygoteClient
from runtime.shim.protocol import Hello, Ready
from tests.e2e.archives import shell_archive
from tests.e2e.conftest import Platform

IMAGE = "fleet:1"
ENDED = ("succeeded", "failed", "cancelled")
COUNTING = (
    'trap "exit {code}" TERM; n=0; '
    'while :; do n=$((n+1)); echo "line $n"; sleep 0.1 & wait $!; done'
)
"""Prints numbered lines until it is stopped, then exits with the code it was given."""


@dataclass(frozen=True)
class Fleet:
    """Containers of the team `harbour` on one platform, over REST."""

    platform: Platform

    def ask(self, method: str, path: str, body: Any = None, *, expect: Sequence[int]) -> Any:
        """Make a request that must be answered with one of these statuses."""
        answer = self.platform.call(method, f"/api/v1{path}", body)
        assert answer.status in expect, answer.body
        return answer.json() if answer.body else None

    def load(self) -> None:
        """Upload the image that all containers are made from."""
        loaded = self.ask("POST", "/images/load?wait=60", shell_archive(IMAGE), expect=[200])
        assert loaded["status"] == "succeeded", loaded

    def queue(self, name: str, script: str, **more: Any) -> dict[str, Any]:
        """Queue the creation and start of a container and return the operation."""
        spec = {"image": IMAGE, "command": ["sh", "-c", script], "name": name, **more}
        operation: dict[str, Any] = self.ask("POST", "/containers", spec, expect=[202])
        return operation

    def run(self, name: str, script: str, **more: Any) -> str:
        """Create a container, start it, and return its id."""
        operation = self.ended(self.queue(name, script, **more)["id"])
        assert operation["status"] == "succeeded", operation
        return str(operation["target"])

    def persist(self, call: Callable[[], Any], seconds: float = 60.0) -> Any:
        """Repeat a request until the panel takes it: it may be down, or busy."""

        def attempt() -> Any:
            try:
                return call()
            except (OSError, AssertionError):
                return None

        return self.platform.until(attempt, seconds)

    def ended(self, operation: str, seconds: float = 60.0) -> dict[str, Any]:
        """Wait for an operation and return how it ended."""

        def done() -> dict[str, Any] | None:
            row = self.persist(lambda: self.ask("GET", f"/operations/{operation}", expect=[200]))
            return row if row["status"] in ENDED else None

        found: dict[str, Any] = self.platform.until(done, seconds)
        return found

    def inspect(self, container: str) -> dict[str, Any]:
        """Return a container as REST has it."""
        found: dict[str, Any] = self.ask("GET", f"/containers/{container}", expect=[200])
        return found

    def all(self) -> list[dict[str, Any]]:
        """Return every container, from all pages of the list."""
        found: list[dict[str, Any]] = []
        page: str | None = "/api/v1/containers"
        while page:
            answer = self.platform.call("GET", page[page.index("/api/") :]).json()
            found += answer["results"]
            page = answer["next"]
        return found

    def wait(self, container: str) -> dict[str, Any]:
        """Wait for a container's end: its exit code and whether memory ran out."""
        path = f"/containers/{container}/wait?timeout=60"
        found: dict[str, Any] = self.ask("POST", path, expect=[200])
        return found

    def output(self, container: str) -> str:
        """Return everything the container printed."""
        path = f"/api/v1/containers/{container}/logs"
        return self.platform.call("GET", path).body.decode()

    def lines(self, container: str) -> list[int]:
        """Return the numbers of the lines that a counting container printed."""
        return [int(number) for number in re.findall(r"^line (\d+)$", self.output(container), re.M)]

    def delete(self, *containers: str) -> None:
        """Delete containers, running ones too."""
        queued = [
            self.ask("DELETE", f"/containers/{one}?force=1", expect=[202])["id"]
            for one in containers
        ]
        for operation in queued:
            assert self.ended(operation)["status"] == "succeeded"

    @property
    def config(self) -> EngineConfig:
        """Where the platform's engine lives."""
        return EngineConfig(data_root=self.platform.data_root, run_root=self.platform.run_root)

    def pids(self) -> dict[str, tuple[int, str]]:
        """Return the first process of each running container, with the time it was started."""
        with Engine.open(self.config) as engine:
            records = engine.containers.list()
        return {one.id: (one.pid, born(one.pid)) for one in records if one.pid is not None}

    def zygote(self) -> int:
        """Return the pid of the instance's zygote."""
        answer = ZygoteClient(self.config)._say(Hello())
        assert isinstance(answer, Ready)
        return answer.pid


def born(pid: int) -> str:
    """Return when a process was started (proc_pid_stat(5)); raises OSError if it is gone."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[19]


def alive(pids: dict[str, tuple[int, str]]) -> list[str]:
    """Return the containers whose process is the one that it was."""
    return [one for one, (pid, since) in pids.items() if same(pid, since)]


def same(pid: int, since: str) -> bool:
    """Say whether a process is there and the one that was started then."""
    try:
        return born(pid) == since
    except FileNotFoundError:
        return False


def parent(pid: int) -> int:
    """Return the parent of a process (proc_pid_stat(5))."""
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])
