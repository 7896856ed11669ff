"""crun and runc on a bundle with the namespaces and limits that our containers have."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.samples import Sample

CGROUP2 = "/sys/fs/cgroup/unified"
ID_BASE = 300_000_000
HIDE_CGROUP2 = f'busybox umount {CGROUP2} 2>/dev/null; exec "$@"'
"""crun refuses a machine whose cgroup v2 owns a controller beside v1: it is hidden from it."""


def bundle(directory: Path, rootfs: str) -> Path:
    """Write a runtime-spec bundle that prints one byte, and return its directory."""
    directory.mkdir(parents=True)
    subprocess.run(["runc", "spec"], cwd=directory, check=True)
    config: dict[str, Any] = json.loads((directory / "config.json").read_text())
    config["process"] |= {"terminal": False, "args": ["echo", "x"]}
    config["process"].pop("rlimits", None)
    config["root"] = {"path": rootfs, "readonly": True}
    linux = config["linux"]
    linux["namespaces"] = [
        {"type": kind} for kind in ("pid", "ipc", "uts", "mount", "cgroup", "network", "user")
    ]
    mapping = [{"containerID": 0, "hostID": ID_BASE, "size": 65_536}]
    linux |= {"uidMappings": mapping, "gidMappings": mapping}
    linux["resources"] |= {"memory": {"limit": 64 << 20}, "pids": {"limit": 512}}
    (directory / "config.json").write_text(json.dumps(config))
    return directory


@dataclass
class Starter:
    """A process that starts programs and takes their times, in a mount namespace of its own."""

    _process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Starter:
        hide = ["unshare", "-m", "--propagation", "slave", "sh", "-c", HIDE_CGROUP2, "sh"]
        self._process = subprocess.Popen(
            [*hide, sys.executable, "-m", "benchmarks.starter"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        self._process.communicate(timeout=30)

    def first_byte(self, command: list[str]) -> Sample:
        """Return how long a command took until it printed its first byte."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        if told.get("error"):
            raise RuntimeError(f"{' '.join(command)}: {told['error']}")
        return Sample(told["wall_ms"], told["cpu_ms"])


@dataclass
class OciRuntime:
    """`crun run` or `runc run`, from the request until the payload's first byte."""

    program: str
    bundle: Path
    state: Path
    starter: Starter
    runs: int = 0

    @staticmethod
    def installed(program: str) -> bool:
        """Say whether the program is there."""
        return shutil.which(program) is not None

    def once(self) -> Sample:
        """Run the bundle once."""
        self.runs += 1
        name = f"bench-{os.getpid()}-{self.runs}"
        options = ["--root", str(self.state)]
        return self.starter.first_byte(
            [self.program, *options, "run", "-b", str(self.bundle), name]
        )
