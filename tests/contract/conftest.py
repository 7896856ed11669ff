"""One engine for the whole suite of each kind: in memory, and on this machine's kernel."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import cast

import pytest

from runtime.config import EngineConfig
from runtime.engine import Engine
from runtime.errors import NotFound
from tests.fakes.engine import FakeEngine

BUSYBOX = "/bin/busybox"


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
