"""Drive an OCI runtime by its command line: ours, and for comparison Debian's crun and runc."""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kernel.lab import make_layer

OURS = "moorage-runtime"
ROOT = Path(__file__).parents[2]
ID_BASE = 320_000_000
HIDE_CGROUP2 = 'busybox umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"'
"""crun and runc misread a machine whose cgroup v2 has controllers beside v1: it is hidden then."""
_PR_SET_CHILD_SUBREAPER = 36

Config = dict[str, Any]


@dataclass
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass
class Runtime:
    """One runtime with a root and bundles of its own; containers are removed at the end."""

    program: str
    directory: Path
    started: list[str] = field(default_factory=list)
    _count: int = 0

    @property
    def root(self) -> Path:
        """Return where the runtime keeps its containers."""
        return self.directory / "state"

    def command(self, *words: str) -> list[str]:
        """Return the whole command line."""
        if self.program == OURS:
            program = [str(ROOT / "runtime" / OURS)]
        else:
            hide = ["unshare", "-m", "--propagation", "slave", "sh", "-c", HIDE_CGROUP2, "sh"]
            program = [*hide, self.program]
        return [*program, "--root", str(self.root), *words]

    def __call__(self, *words: str, check: bool = True, **given: Any) -> Done:
        """Run a command to its end. With `check`, one that fails fails the test."""
        options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "cwd": ROOT, "timeout": 60} | given
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            # Files, for a container that lives on would keep a pipe open.
            done = subprocess.run(
                self.command(*words), stdout=out, stderr=err, check=False, **options
            )
            out.seek(0)
            err.seek(0)
            told = Done(done.returncode, out.read(), err.read())
        assert not check or told.code == 0, f"{words}: {told}"
        return told

    def bundle(self, *args: str, **changes: Any) -> Path:
        """Write a bundle whose process is `args`; `changes` are put into its configuration."""
        self._count += 1
        made = self.directory / f"bundle-{self._count}"
        make_layer(made / "rootfs")
        (made / "config.json").write_text(json.dumps(configuration(list(args), changes)))
        return made

    def name(self) -> str:
        """Return an id that was not used before."""
        self._count += 1
        made = f"test-{self.directory.name[-8:].lower()}-{self._count}"
        self.started.append(made)
        return made

    def create(self, bundle: Path, *flags: str) -> str:
        """Create a container and return its id."""
        made = self.name()
        self("create", "--bundle", str(bundle), *flags, made)
        return made

    def run(self, bundle: Path, *flags: str, check: bool = True) -> Done:
        """Run a container to its end."""
        return self("run", "--bundle", str(bundle), *flags, self.name(), check=check)

    def shell(self, script: str, **changes: Any) -> str:
        """Return what a shell script prints in a container."""
        return self.run(self.bundle("/bin/sh", "-c", script, **changes)).out.strip()

    def state(self, container: str) -> dict[str, Any]:
        """Return the state of a container."""
        told: dict[str, Any] = json.loads(self("state", container).out)
        return told

    def status(self, container: str) -> str:
        """Return its status."""
        return str(self.state(container)["status"])

    def close(self) -> None:
        """Remove everything."""
        for container in self.started:
            self("delete", "--force", container, check=False)
            if (self.root / container).exists():
                reap()  # of its processes one was ours, and the first waits for all others
                self("delete", "--force", container, check=False)
        shutil.rmtree(self.directory)


def configuration(args: list[str], changes: dict[str, Any]) -> Config:
    """Return a config.json that crun 1.8, runc 1.1 and ours all take; `changes` are merged in."""
    plain: Config = {
        "ociVersion": "1.0.2",
        "process": {
            "args": args,
            "cwd": "/",
            "env": ["PATH=/bin"],
            "user": {"uid": 0, "gid": 0},
            "capabilities": {},
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs"},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {
                "destination": "/dev",
                "type": "tmpfs",
                "source": "tmpfs",
                "options": ["nosuid", "mode=755", "size=65536k"],
            },
            {
                "destination": "/dev/pts",
                "type": "devpts",
                "source": "devpts",
                "options": ["newinstance", "ptmxmode=0666", "mode=0620"],
            },
        ],
        "linux": {
            "namespaces": [
                {"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network", "cgroup")
            ]
        },
    }
    return _merged(plain, changes)


def _merged(plain: Config, changes: Config) -> Config:
    made = dict(plain)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(made.get(key), dict)
        made[key] = _merged(made[key], value) if both else value
    return made


def user_namespace() -> Config:
    """Return the part of `linux` that maps root inside to ID_BASE."""
    kinds = ("pid", "mount", "ipc", "uts", "network", "cgroup", "user")
    mapping = [{"containerID": 0, "hostID": ID_BASE, "size": 65_536}]
    return {
        "namespaces": [{"type": kind} for kind in kinds],
        "uidMappings": mapping,
        "gidMappings": mapping,
    }


def give_to_root_inside(bundle: Path) -> Path:
    """Let the ids of `user_namespace` own the root of a bundle, and reach it."""
    bundle.chmod(0o711)
    for path in (bundle / "rootfs", *(bundle / "rootfs").rglob("*")):
        os.chown(path, ID_BASE, ID_BASE, follow_symlinks=False)
    return bundle


@contextmanager
def a_runtime(program: str) -> Iterator[Runtime]:
    """Yield a runtime; orphans of its commands become children of this process and are reaped."""
    directory = Path(tempfile.mkdtemp(prefix="moorage-test-", dir="/var/tmp"))
    directory.chmod(0o711)
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    runtime = Runtime(program, directory)
    try:
        yield runtime
    finally:
        runtime.close()
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        reap()


def reap() -> None:
    """Reap every child that has ended."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return


def end(pid: int) -> None:
    """Kill a process and reap it: the first process of its container waits until that is done."""
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        return


def read_until(descriptor: int, wanted: bytes, seconds: float = 20.0) -> bytes:
    """Return what a terminal shows, once `wanted` is in it."""
    told, deadline = b"", time.monotonic() + seconds
    while wanted not in told:
        assert time.monotonic() < deadline, told
        if select.select([descriptor], [], [], 0.5)[0]:
            told += os.read(descriptor, 1000)
    return told
