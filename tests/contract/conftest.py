"""One engine for the whole suite of each kind: in memory, and on this machine's kernel."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from runtime.config import EngineConfig
from runtime.engine import Engine
from runtime.errors import NotFound
from runtime.events import ContainerEvent, ContainerRecord, LogQuery, NullSink
from runtime.spec.container import ContainerSpec
from runtime.spec.execution import ExecSpec
from tests.fakes.engine import FakeEngine

BUSYBOX = "/bin/busybox"
NOBODY = "0" * 32
SLEEPER = ContainerSpec(image="starter", command=("sleep", "60"))
EXEC = ExecSpec(command=("sh", "-c", "echo out; exit 3"))


class Ear(NullSink):
    """A sink that remembers events."""

    def __init__(self) -> None:
        self.heard: list[ContainerEvent] = []

    def event(self, event: ContainerEvent) -> None:
        self.heard.append(event)


def shell(script: str, **spec: Any) -> ContainerSpec:
    return ContainerSpec(image="starter", command=("sh", "-c", script), **spec)


def running(engine: Engine, spec: ContainerSpec = SLEEPER) -> ContainerRecord:
    return engine.containers.start(engine.containers.create(spec).id)


def events(engine: Engine, container: str) -> list[ContainerEvent]:
    spooled = (waiting.event for waiting in engine.events.pending())
    return [event for event in spooled if event.record.id == container]


def actions(engine: Engine, container: str) -> list[str]:
    return [event.action for event in events(engine, container)]


def output(engine: Engine, container: str, query: LogQuery | None = None) -> bytes:
    frames = engine.containers.logs(container, since=query or LogQuery())
    return b"".join(frame.data for frame in frames)


def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.fixture(
    scope="module", params=["fake", pytest.param("real", marks=pytest.mark.kernel)], ids=str
)
def opened(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine with the starter image."""
    make = in_memory if request.param == "fake" else on_the_kernel
    yield from make()


def in_memory() -> Iterator[Engine]:
    engine = cast(Engine, FakeEngine())
    engine.images.starter("default", busybox=BUSYBOX)
    yield engine


def on_the_kernel() -> Iterator[Engine]:
    name = f"mo-contract-{os.urandom(4).hex()}"
    config = EngineConfig(data_root=f"/var/tmp/{name}", run_root=f"/run/{name}")
    with Engine.open(config) as engine:
        try:
            engine.images.starter("default", busybox=BUSYBOX)
            yield engine
        finally:
            engine.system.retire()
    for root in (config.data_root, config.run_root):
        shutil.rmtree(root)


@pytest.fixture
def engine(opened: Engine) -> Iterator[Engine]:
    """The engine, without containers before and after."""
    yield opened
    for record in opened.containers.list():
        try:
            opened.containers.delete(record.id, force=True)
        except NotFound:
            continue
    for spooled in list(opened.events.pending()):
        opened.events.discard(spooled)
