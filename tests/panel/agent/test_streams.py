"""What tickets open, through a real socket."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from asgiref.sync import sync_to_async

from panel.accounts.actors import Actor
from panel.agent.streams import Desk
from panel.operations.models import Operation
from panel.operations.submit import grant_stream
from runtime.engine import Engine
from runtime.errors import InvalidSpec, NotFound, RuntimeFault
from runtime.streams.client import connect, open_stream
from runtime.streams.server import ServerOptions, StreamServer
from tests.fakes.engine import FakeEngine

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    return tmp_path / "uploads"


@pytest.fixture
def path(tmp_path: Path, uploads: Path, engine: FakeEngine) -> Iterator[str]:
    desk = Desk(
        engine=cast("Engine", engine), uploads=str(uploads), node="here", over=threading.Event()
    )
    path = str(tmp_path / "stream")
    options = ServerOptions(path=path, group=os.getgid(), uids=frozenset({os.getuid()}))
    server = StreamServer(options, desk.serve)
    server.start()
    yield path
    server.stop()


async def ended(operation: str) -> Operation:
    import asyncio

    for _ in range(100):
        row = await Operation.objects.aget(pk=operation)
        if row.status != "running":
            return row
        await asyncio.sleep(0.05)
    raise AssertionError("it goes on")


async def test_logs_come_through_a_ticket_and_end_its_operation(
    created: Callable[..., str], alice: Actor, path: str
) -> None:
    container = await sync_to_async(created)("sh", "-c", "echo hello")
    operation, ticket = await sync_to_async(grant_stream)(
        "container.logs", actor=alice, target=container, params={}
    )

    async with open_stream(path, ticket) as stream:
        text = b"".join([frame.data async for frame in stream.logs()])

    assert text == b"hello\n"
    assert (await ended(operation.pk)).status == "succeeded"


@pytest.mark.parametrize(
    ("lost", "tail", "refusal"), [(False, 10**9, InvalidSpec), (True, None, NotFound)]
)
async def test_a_log_that_cannot_be_read_is_refused_before_the_stream_opens(
    created: Callable[..., str],
    alice: Actor,
    path: str,
    engine: FakeEngine,
    lost: bool,
    tail: int | None,
    refusal: type[RuntimeFault],
) -> None:
    container = await sync_to_async(created)("sh", "-c", "echo hello")
    if lost:
        engine.containers.lose(container)
    operation, ticket = await sync_to_async(grant_stream)(
        "container.logs", actor=alice, target=container, params={"tail": tail}
    )

    with pytest.raises(refusal):
        await connect(path, ticket)

    assert (await ended(operation.pk)).status == "failed"


async def test_a_ticket_opens_once(created: Callable[..., str], alice: Actor, path: str) -> None:
    container = await sync_to_async(created)("sh", "-c", "echo hello")
    _, ticket = await sync_to_async(grant_stream)(
        "container.logs", actor=alice, target=container, params={}
    )
    async with open_stream(path, ticket) as stream:
        [frame async for frame in stream.logs()]

    with pytest.raises(NotFound, match="ticket"):
        await connect(path, ticket)


async def test_a_forged_ticket_opens_nothing(alice: Actor, path: str) -> None:
    with pytest.raises(NotFound, match="ticket"):
        await connect(path, "forged")


async def test_an_upload_is_stored_under_its_operations_id(
    alice: Actor, path: str, uploads: Path
) -> None:
    operation, ticket = await sync_to_async(grant_stream)(
        "image.upload", actor=alice, params={"size": 200_000}
    )

    async with open_stream(path, ticket) as stream:
        await stream.upload(b"x" * 200_000)
        stored = await stream.finish()

    assert stored["sha256"] == hashlib.sha256(b"x" * 200_000).hexdigest()
    assert (uploads / operation.pk).stat().st_size == 200_000
    row = await ended(operation.pk)
    assert (row.status, row.result) == ("succeeded", stored)


async def test_an_upload_that_breaks_off_leaves_no_file(
    alice: Actor, path: str, uploads: Path
) -> None:
    operation, ticket = await sync_to_async(grant_stream)(
        "image.upload", actor=alice, params={"size": 200_000}
    )

    async with open_stream(path, ticket) as stream:
        await stream.upload(b"x" * 100_000)

    assert (await ended(operation.pk)).status == "cancelled"
    assert os.listdir(uploads) == []


async def test_an_upload_of_another_size_is_refused(alice: Actor, path: str, uploads: Path) -> None:
    operation, ticket = await sync_to_async(grant_stream)(
        "image.upload", actor=alice, params={"size": 5}
    )

    async with open_stream(path, ticket) as stream:
        await stream.upload(b"four")
        with pytest.raises(InvalidSpec, match="announced"):
            await stream.finish()

    row = await ended(operation.pk)
    assert row.error is not None
    assert (row.status, row.error["code"]) == ("failed", "invalid_spec")
    assert os.listdir(uploads) == []
