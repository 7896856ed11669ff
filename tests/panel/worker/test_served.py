"""The real thing around the handlers: Celery, Valkey, heartbeats, notices."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from channels.layers import channel_layers
from django.db import connection, connections
from redis import Redis

from panel import broker
from panel.accounts.actors import Actor
from panel.celery import app, queue
from panel.eventlog import broadcast
from panel.operations import finish
from panel.operations.claim import claim
from panel.operations.models import Operation, Status
from panel.operations.submit import submit
from panel.operations.wait import wait_for
from tests.fakes.rows import error_of, result_of
from tests.fakes.valkey import valkey

ROOT = Path(__file__).parents[3]
SLEEPER = {"spec": {"image": "starter", "command": ["sleep", "1000"]}}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="mo-vk-", dir="/tmp") as home, valkey(home) as url:
        yield url


@pytest.fixture
def bell(redis_url: str) -> Iterator[Any]:
    """Ring at the real broker."""
    publisher = Celery("tests", broker=broker.celery_url(redis_url), set_as_current=False)
    publisher.conf.update(
        broker_transport_options=app.conf.broker_transport_options, task_ignore_result=True
    )

    def ring(operation: object, pool: str = "fast") -> None:
        publisher.send_task("operation.run", args=[operation], queue=queue("here", pool))

    yield ring
    publisher.close()


class Worker:
    """A worker process, and what it logged."""

    def __init__(self, redis_url: str, log: Path, *words: str) -> None:
        environment = {**os.environ, "DATABASE_URL": database_url(), "REDIS_URL": redis_url}
        self.log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-W",
                    "error",
                    str(Path(__file__).with_name("served_worker.py")),
                    *words,
                ],
                env={**environment, "PYTHONPATH": str(ROOT)},
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


def database_url() -> str:
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite://{settings['NAME']}"
    return f"postgresql://{settings['USER']}@/{settings['NAME']}?host={settings['HOST']}"


def ended(operation: Operation, seconds: float = 20) -> Operation:
    """Return the row once it is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        operation.refresh_from_db()
        if Status(operation.status).final:
            return operation
        time.sleep(0.005)
    raise AssertionError(f"{operation} is still {operation.status}")


@pytest.mark.parametrize(("pool", "kind"), [("fast", "threads"), ("bulk", "prefork")])
def test_a_worker_answers_its_doorbell_and_beats(
    alice: Actor, redis_url: str, bell: Any, tmp_path: Path, pool: str, kind: str
) -> None:
    operations = [submit("container.create", actor=alice, params=SLEEPER) for _ in range(5)]
    refused = submit("container.create", actor=alice, params={"spec": {"image": "nothing"}})
    worker = Worker(redis_url, tmp_path / "log", pool, kind)
    client = Redis.from_url(redis_url)
    try:
        for nonsense in ("../../etc/passwd", 7, None, {"id": "x"}, "f" * 32):
            bell(nonsense, pool)
        for operation in (*operations, refused, *operations):
            bell(operation.pk, pool)

        for operation in operations:
            assert result_of(ended(operation))["state"] == "running", worker.log.read_text()
        assert error_of(ended(refused))["code"] == "not_found"
        assert [one.fence for one in operations] == [1] * 5
        assert broker.freshness(client, "here", ("fast", "bulk"))[pool]
        assert 0 < client.pttl(broker.heartbeat_key("here", pool)) <= 5000
        assert worker.stop() == 0
        time.sleep(0.1)
    finally:
        client.close()
        worker.process.kill()
        worker.process.wait()
    log = worker.log.read_text()
    assert "Traceback" not in log
    assert "Warning" not in log


@pytest.fixture
def notices(redis_url: str, settings: Any) -> Iterator[None]:
    """Let this process send and hear real notices."""
    settings.REDIS_URL = redis_url
    settings.CHANNEL_LAYERS = {"default": broker.channel_layer(redis_url)}
    channel_layers.backends = {}
    broadcast._client.cache_clear()
    yield
    broadcast._client().close()
    broadcast._client.cache_clear()
    channel_layers.backends = {}


def test_who_waits_hears_of_the_end_at_once(alice: Actor, notices: None) -> None:
    operation = submit("container.create", actor=alice, params=SLEEPER)
    mine = claim(operation.pk, node="here")
    assert mine is not None
    ended_at: list[float] = []

    def end() -> None:
        try:
            finish.succeed(operation.pk, mine.fence, {})
            ended_at.append(time.monotonic())
        finally:
            connections.close_all()

    async def hold() -> tuple[Operation, float]:
        waiting = asyncio.create_task(wait_for(operation.pk, 20))
        await asyncio.sleep(0.6)
        await asyncio.to_thread(end)
        row = await waiting
        return row, time.monotonic()

    row, heard_at = asyncio.run(hold())

    assert row.status == Status.SUCCEEDED
    assert heard_at - ended_at[0] < 0.25, "the notice was not heard, only the poll"


def test_who_waits_without_a_broker_is_answered_by_the_poll(
    alice: Actor, settings: Any, tmp_path: Path
) -> None:
    nowhere = f"unix://{tmp_path}/nobody"
    settings.REDIS_URL = nowhere
    settings.CHANNEL_LAYERS = {"default": broker.channel_layer(nowhere)}
    channel_layers.backends = {}
    broadcast._client.cache_clear()
    operation = submit("container.create", actor=alice, params=SLEEPER)
    mine = claim(operation.pk, node="here")
    assert mine is not None

    def end() -> None:
        try:
            finish.succeed(operation.pk, mine.fence, {})
        finally:
            connections.close_all()

    async def hold() -> Operation:
        waiting = asyncio.create_task(wait_for(operation.pk, 20))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(end)
        return await asyncio.wait_for(waiting, 5)

    row = asyncio.run(hold())
    broadcast._client.cache_clear()
    channel_layers.backends = {}

    assert row.status == Status.SUCCEEDED


async def test_who_waits_too_long_gets_the_row_as_it_is(alice: Actor) -> None:
    from asgiref.sync import sync_to_async

    operation = await sync_to_async(submit)("container.create", actor=alice, params=SLEEPER)

    began = time.monotonic()
    row = await wait_for(operation.pk, 0.3)

    assert row.status == Status.QUEUED
    assert 0.25 < time.monotonic() - began < 3
