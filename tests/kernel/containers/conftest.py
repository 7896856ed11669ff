"""Real engines on roots of their own, with an image made by hand from busybox."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from runtime.config import EngineConfig
from runtime.containers.site import Site, open_site
from runtime.engine import Engine
from runtime.errors import NotFound
from runtime.events import ContainerRecord
from runtime.images.image import ResolvedImage
from runtime.images.images import Images
from runtime.oci.image import ImageConfig
from runtime.shim import client
from runtime.spec.container import ContainerSpec
from runtime.spec.limits import Limits

BUSYBOX = "/bin/busybox"
APPLETS = (
    "sh",
    "echo",
    "id",
    "hostname",
    "sleep",
    "cat",
    "true",
    "kill",
    "seq",
    "dd",
    "mkdir",
    "tr",
    "tty",
    "stty",
    "head",
    "wc",
)


class HandMade:
    """The part of the image store that containers use, over one directory."""

    def __init__(self, layer: str) -> None:
        config = ImageConfig(architecture="amd64", os="linux", diff_ids=(), cmd=("sh",))
        self._image = ResolvedImage(id="sha256:" + "0" * 64, config=config, layers=(layer,))

    @contextmanager
    def held(self, namespace: str, reference: str) -> Iterator[ResolvedImage]:
        if reference != "busybox":
            raise NotFound("image", reference)
        yield self._image


class Instance:
    """An engine, and what tests ask of it over and over."""

    def __init__(self, config: EngineConfig, layer: str) -> None:
        self.config = config
        self._layer = layer
        self.site = self._open()
        self.engine = Engine(self.site)

    @property
    def zygote(self) -> int:
        """The zygote's pid: who holds its lock."""
        return holder(f"{self.config.run}/zygote.lock")

    def shim(self, container: str) -> int:
        """The pid of a container's shim."""
        return peer(self.config, container)

    def reopen(self) -> Engine:
        """Open the instance once more, as another process would."""
        return Engine(self._open())

    def run(self, script: str, **spec: Any) -> ContainerRecord:
        """Create and start a container of a shell script."""
        made = self.engine.containers.create(shell(script, **spec))
        return self.engine.containers.start(made.id)

    def output(self, container: str) -> bytes:
        """All that a container has printed."""
        return b"".join(frame.data for frame in self.engine.containers.logs(container))

    def dispose(self) -> None:
        """End everything and leave nothing."""
        zygote = self.zygote
        self.engine.system.retire()
        until(lambda: ended(zygote))
        for root in (self.config.data_root, self.config.run_root):
            shutil.rmtree(root)

    def _open(self) -> Site:
        return replace(open_site(self.config), images=cast(Images, HandMade(self._layer)))


def shell(script: str, **spec: Any) -> ContainerSpec:
    """A container of a shell script."""
    spec.setdefault("limits", Limits(pids=64))
    return ContainerSpec(image="busybox", command=("sh", "-c", script), **spec)


def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def ended(pid: int) -> bool:
    """Say whether a process is gone; one that its parent has yet to reap is."""
    try:
        return b") Z " in Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return True


def replace_shim(instance: Instance, container: str) -> None:
    """Kill the container's shim, and wait for the next one."""
    shim = instance.shim(container)
    os.kill(shim, signal.SIGKILL)
    until(lambda: ended(shim))
    instance.engine.containers.recover()
    until(lambda: client.shim_lives(instance.config, container))
    assert instance.shim(container) != shim


def holder(path: str) -> int:
    """Return who holds the lock at `path` (proc_locks(5))."""
    inode = os.stat(path).st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and fields[5].endswith(f":{inode}"):
            return int(fields[4])
    raise AssertionError(f"nobody holds {path}")


def peer(config: EngineConfig, container: str) -> int:
    """Return who listens at a container's socket."""
    import socket
    import struct

    from runtime.shim import sockets

    with sockets.connect(config.container_run(container), "s", 5.0) as connection:
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int(struct.unpack("3i", credentials)[0])


@pytest.fixture(scope="session")
def layer() -> Iterator[str]:
    """A layer of busybox."""
    root = f"/var/tmp/mo-e2-layer-{os.urandom(4).hex()}"
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
        os.makedirs(f"{root}/{name}")
    shutil.copy(BUSYBOX, f"{root}/bin/busybox")
    for name in APPLETS:
        os.symlink("busybox", f"{root}/bin/{name}")
    Path(f"{root}/etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nbob:x:1000:1000::/:/bin/sh\n")
    Path(f"{root}/etc/group").write_text("root:x:0:\nbob:x:1000:\n")
    os.chmod(root, 0o755)
    yield root
    shutil.rmtree(root)


@contextmanager
def an_instance(layer: str) -> Iterator[Instance]:
    """An engine on roots of its own; nothing is left of it."""
    name = f"mo-e2-{os.urandom(4).hex()}"
    config = EngineConfig(data_root=f"/var/tmp/{name}", run_root=f"/run/{name}")
    instance = Instance(config, layer)
    try:
        yield instance
    finally:
        instance.dispose()


@pytest.fixture
def instance(layer: str) -> Iterator[Instance]:
    with an_instance(layer) as made:
        yield made
