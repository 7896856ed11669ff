"""What a container uses over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from panel.accounts.actors import Actor
from panel.live import stats
from panel.live.sockets import CLOSED_BAD_REQUEST, CLOSED_CONFLICT, CLOSED_FETCH_AGAIN
from panel.operations.models import Operation
from runtime.streams.server import StreamServer
from tests.fakes.engine import FakeEngine
from tests.panel.live.conftest import closed, received

pytestmark = pytest.mark.django_db(transaction=True)
Open = Callable[..., WebsocketCommunicator]


@pytest.fixture
def token(vera: Actor, token_of: Callable[[Actor], str]) -> str:
    return token_of(vera)


@pytest.fixture
def container(created: Callable[..., str], node: StreamServer) -> str:
    return created()


def address(container: str, query: str = "interval=0.5") -> str:
    return f"/ws/containers/{container}/stats?{query}"


def looks(engine: FakeEngine) -> int:
    return len([verb for verb, _ in engine.containers.looks if verb == "stats"])


async def test_a_viewer_gets_samples_that_grow(
    container: str, token: str, open_socket: Open
) -> None:
    socket = open_socket(address(container), token)
    await socket.connect()

    first, second = await received(socket), await received(socket)

    assert (first["type"], second["type"]) == ("sample", "sample")
    assert first["cpu"]["usage_ns"] < second["cpu"]["usage_ns"]
    assert second["monotonic_ns"] - first["monotonic_ns"] >= 400_000_000
    assert first["time"].endswith("Z")
    assert first["memory"]["swap_bytes"] is None
    await socket.disconnect()


async def test_when_it_runs_no_more_there_is_an_end(
    container: str, token: str, open_socket: Open, engine: FakeEngine
) -> None:
    socket = open_socket(address(container), token)
    await socket.connect()
    await received(socket)

    await sync_to_async(engine.containers.end)(container, 0)
    message = await received(socket)
    while message["type"] == "sample":
        message = await received(socket)

    assert message == {"type": "end"}
    assert await closed(socket) == 1000
    row = await Operation.objects.aget(klass="stream")
    assert (row.kind, row.status) == ("container.stats", "succeeded")


async def test_what_does_not_run_closes_the_socket_with_its_own_code(
    created: Callable[..., str], node: StreamServer, token: str, open_socket: Open
) -> None:
    container = await sync_to_async(created)("true")
    socket = open_socket(address(container), token)
    await socket.connect()

    assert await closed(socket) == CLOSED_CONFLICT


@pytest.mark.parametrize("interval", ["x", "0", "0.1", "61", "nan", "inf", "-1", "1e999"])
async def test_an_interval_that_is_none_ends_the_socket(
    container: str, token: str, open_socket: Open, interval: str
) -> None:
    socket = open_socket(address(container, f"interval={interval}"), token)
    await socket.connect()

    assert await closed(socket) == CLOSED_BAD_REQUEST


async def test_sockets_of_one_container_share_the_looks_and_nobody_looks_after_them(
    container: str, token: str, open_socket: Open, engine: FakeEngine, node: StreamServer
) -> None:
    sockets = [open_socket(address(container), token) for _ in range(3)]
    for socket in sockets:
        await socket.connect()
    for _ in range(3):
        for socket in sockets:
            await received(socket)
    assert looks(engine) <= 6

    for socket in sockets:
        await socket.disconnect()
    for _ in range(60):
        if not node.connections:
            break
        await asyncio.sleep(0.05)
    assert node.connections == 0
    before = looks(engine)
    await asyncio.sleep(0.8)
    assert looks(engine) == before


async def test_a_reader_that_takes_nothing_is_sent_away(
    container: str, token: str, open_socket: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from panel.live.sockets import Socket

    async def stuck(self: Socket, message: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(stats, "SLOW_SECONDS", 0.1)
    monkeypatch.setattr(Socket, "tell", stuck)
    socket = open_socket(address(container), token)
    await socket.connect()

    assert await closed(socket) == CLOSED_FETCH_AGAIN
