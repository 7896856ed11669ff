"""Our own ways to start a container, on a private instance that is gone afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.samples import Sample, measure
from runtime.config import EngineConfig
from runtime.engine import Engine
from runtime.shim.client import ZygoteClient
from runtime.spec.container import ContainerSpec
from runtime.spec.limits import Limits
from tests.e2e.conftest import Platform
from tests.e2e.fleet import IMAGE

SPEC = ContainerSpec(
    image="starter", command=("sleep", "1000"), limits=Limits(memory_bytes=64 << 20)
)


@dataclass
class Own:
    """The engine as a library."""

    engine: Engine
    config: EngineConfig

    @property
    def rootfs(self) -> str:
        """The unpacked layer of the starter image, which all others run from too."""
        return self.engine.images.resolve("default", "starter").layers[0]

    def start(self) -> Sample:
        """From the request to start a created container to its running payload."""
        made = self.engine.containers.create(SPEC)
        sample = measure(lambda: self.engine.containers.start(made.id))
        self.engine.containers.delete(made.id, force=True)
        return sample

    def create_and_start(self) -> Sample:
        """From nothing to the running payload."""
        made: list[str] = []

        def act() -> None:
            made.append(self.engine.containers.create(SPEC).id)
            self.engine.containers.start(made[0])

        sample = measure(act)
        self.engine.containers.delete(made[0], force=True)
        return sample

    def zygote(self) -> Sample:
        """From the request on the zygote's socket to its answer."""
        made = self.engine.containers.create(SPEC)
        client = ZygoteClient(self.config)
        sample = measure(lambda: client.start(made.id))
        self.engine.containers.delete(made.id, force=True)
        return sample


@contextmanager
def private_engine() -> Iterator[Own]:
    """Open an instance of its own and leave nothing of it."""
    data_root = tempfile.mkdtemp(prefix="mo-bench-", dir="/var/tmp")
    run_root = f"/run/{os.path.basename(data_root)}"
    config = EngineConfig(data_root=data_root, run_root=run_root)
    with Engine.open(config) as engine:
        try:
            engine.images.starter("default")
            yield Own(engine, config)
        finally:
            engine.system.retire()
    shutil.rmtree(data_root)
    shutil.rmtree(run_root)


def over_rest(platform: Platform) -> Sample:
    """From POST /containers to the answer that the process runs."""
    body = {"image": IMAGE, "command": ["sleep", "1000"], "limits": {"memory_bytes": 64 << 20}}
    made: list[str] = []

    def act() -> None:
        answer = platform.call("POST", "/api/v1/containers?wait=30", body)
        operation = answer.json()
        assert operation["status"] == "succeeded", operation
        made.append(operation["target"])

    sample = measure(act)
    platform.call("DELETE", f"/api/v1/containers/{made[0]}?force=1&wait=30")
    return sample
