"""A container's output over a socket."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from panel.accounts.actors import Actor
from panel.live.sockets import CLOSED_BAD_REQUEST, CLOSED_NOT_FOUND, CLOSED_UNAVAILABLE
from panel.operations.models import Operation
from runtime.errors import NotFound
from runtime.events import LogFrame, LogQuery
from runtime.streams.server import StreamServer
from tests.fakes.engine import FakeEngine
from tests.panel.live.conftest import closed, received

pytestmark = pytest.mark.django_db(transaction=True)
MIB = 1024 * 1024
Open = Callable[..., WebsocketCommunicator]


@pytest.fixture
def token(alice: Actor, token_of: Callable[[Actor], str]) -> str:
    return token_of(alice)


@pytest.fixture
def container(created: Callable[..., str], node: StreamServer) -> str:
    return created("sh", "-c", "echo one; echo two")


def say(engine: FakeEngine, *frames: LogFrame) -> None:
    """Make these the output of every container."""

    def batches(container: str, *, since: LogQuery, **_: Any) -> Iterator[list[LogFrame]]:
        yield from ([one] for one in frames if one.offset > since.offset)

    engine.containers.log_batches = batches  # type: ignore[method-assign, assignment]


def frame(offset: int, data: bytes, **more: Any) -> LogFrame:
    return LogFrame(
        offset=offset, time_ns=1_700_000_000_123_456_789, stream="stdout", data=data, **more
    )


async def test_the_output_comes_in_chunks_then_an_end(
    container: str, token: str, open_socket: Open
) -> None:
    socket = open_socket(f"/ws/containers/{container}/logs?offset=0", token)
    await socket.connect()

    text, message = "", await received(socket)
    while message["type"] == "chunk":
        assert message["stream"] == "stdout"
        assert message["time"].startswith("20")
        text += message["data"]
        assert message["offset"] == len(text)
        message = await received(socket)

    assert text == "one\ntwo\n"
    assert message == {"type": "end"}
    assert await closed(socket) == 1000


async def test_a_socket_goes_on_where_the_last_one_was_cut(
    container: str, token: str, open_socket: Open, engine: FakeEngine
) -> None:
    say(engine, frame(4, b"one\n"), frame(8, b"two\n"))
    socket = open_socket(f"/ws/containers/{container}/logs?offset=4", token)
    await socket.connect()

    message = await received(socket)

    assert (message["data"], message["offset"]) == ("two\n", 8)
    await socket.disconnect()


async def test_bytes_that_are_no_text_come_as_base64(
    container: str, token: str, open_socket: Open, engine: FakeEngine
) -> None:
    say(engine, frame(3, b"\xff\x00a"), frame(9, b"b", gap=5))
    socket = open_socket(f"/ws/containers/{container}/logs", token)
    await socket.connect()

    first, second = await received(socket), await received(socket)

    assert first["base64"] is True
    assert base64.b64decode(first["data"]) == b"\xff\x00a"
    assert (second["data"], second["gap"]) == ("b", 5)
    assert "base64" not in second
    assert "gap" not in first
    await socket.disconnect()


async def test_at_most_1_mib_is_sent_that_is_not_acknowledged(
    container: str, token: str, open_socket: Open, engine: FakeEngine
) -> None:
    size = 50_000
    say(engine, *(frame(size * (n + 1), b"x" * size) for n in range(100)))
    socket = open_socket(f"/ws/containers/{container}/logs", token)
    await socket.connect()

    sent = [await received(socket) for _ in range(MIB // size)]
    assert await socket.receive_nothing(0.5)
    await socket.send_json_to({"ack": sent[3]["offset"]})
    more = [await received(socket) for _ in range(4)]
    assert await socket.receive_nothing(0.3)

    assert sum(len(one["data"]) for one in sent) <= MIB
    assert more[-1]["offset"] - sent[3]["offset"] <= MIB
    await socket.disconnect()


async def test_an_acknowledgement_of_what_was_never_sent_gives_no_more_credit(
    container: str, token: str, open_socket: Open, engine: FakeEngine
) -> None:
    size = 50_000
    say(engine, *(frame(size * (n + 1), b"x" * size) for n in range(200)))
    socket = open_socket(f"/ws/containers/{container}/logs", token)
    await socket.connect()
    for _ in range(MIB // size):
        await received(socket)

    await socket.send_json_to({"ack": 1 << 60})
    more = 0
    while not await socket.receive_nothing(0.3):
        more += len((await received(socket))["data"])

    assert more <= MIB
    await socket.disconnect()


@pytest.mark.parametrize("message", ["ack", "[]", '{"ack": "1"}', '{"ack": true}', '{"a": 1}'])
async def test_a_message_that_is_no_acknowledgement_ends_the_socket(
    container: str, token: str, open_socket: Open, engine: FakeEngine, message: str
) -> None:
    say(engine, *(frame(50_000 * (n + 1), b"x" * 50_000) for n in range(100)))
    socket = open_socket(f"/ws/containers/{container}/logs", token)
    await socket.connect()

    await socket.send_to(text_data=message)

    assert await closed(socket) == CLOSED_BAD_REQUEST


@pytest.mark.parametrize("query", ["offset=x", "offset=-1", f"offset={10**30}", "tail=x"])
async def test_a_wrong_query_ends_the_socket(
    container: str, token: str, open_socket: Open, query: str
) -> None:
    socket = open_socket(f"/ws/containers/{container}/logs?{query}", token)
    await socket.connect()

    assert await closed(socket) == CLOSED_BAD_REQUEST


async def test_the_last_lines_are_asked_for_with_tail(
    container: str, token: str, open_socket: Open
) -> None:
    socket = open_socket(f"/ws/containers/{container}/logs?tail=1", token)
    await socket.connect()

    assert (await received(socket))["data"].endswith("two\n")
    await socket.disconnect()


async def test_a_node_that_does_not_answer_means_come_again(
    created: Callable[..., str], token: str, open_socket: Open
) -> None:
    container = await sync_to_async(created)()
    socket = open_socket(f"/ws/containers/{container}/logs", token)
    await socket.connect()

    assert await closed(socket) == CLOSED_UNAVAILABLE


async def test_a_container_that_is_deleted_meanwhile_is_told_apart(
    container: str, token: str, open_socket: Open, engine: FakeEngine
) -> None:
    def gone(container: str, **_: Any) -> Iterator[list[LogFrame]]:
        yield from ()
        raise NotFound("container", container)

    engine.containers.log_batches = gone  # type: ignore[method-assign]
    socket = open_socket(f"/ws/containers/{container}/logs", token)
    await socket.connect()

    assert await closed(socket) == CLOSED_NOT_FOUND


async def test_a_reader_that_leaves_ends_the_follow_and_its_operation(
    created: Callable[..., str],
    token: str,
    open_socket: Open,
    node: StreamServer,
) -> None:
    container = await sync_to_async(created)()
    socket = open_socket(f"/ws/containers/{container}/logs", token)
    await socket.connect()
    for _ in range(50):
        if node.connections:
            break
        await asyncio.sleep(0.05)
    assert node.connections == 1

    await socket.disconnect()
    for _ in range(50):
        if not node.connections:
            break
        await asyncio.sleep(0.05)

    assert node.connections == 0
    row = await Operation.objects.aget(klass="stream")
    assert row.status in ("succeeded", "cancelled")
