"""A session over its socket: bytes both ways, resumed, bounded, and taken away with the right."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from panel.accounts import standing
from panel.accounts.actors import Actor
from panel.accounts.models import Token
from panel.live.sockets import CLOSED_BAD_REQUEST, CLOSED_NOT_ALLOWED, CLOSED_UNAVAILABLE
from panel.operations.models import Operation, Status
from panel.operations.submit import submit
from panel.policy.models import TeamPolicy
from panel.worker.run import Workshop, run
from runtime.dialogue import INPUT_WINDOW
from runtime.streams.server import StreamServer
from tests.fakes.engine import FakeEngine
from tests.panel.live.conftest import closed

pytestmark = pytest.mark.django_db(transaction=True)
Open = Callable[..., WebsocketCommunicator]
Opened = Callable[..., str]


class Client:
    """A socket of a session, and what came over it."""

    def __init__(self, socket: WebsocketCommunicator) -> None:
        self.socket = socket
        self.shown = b""
        self.offset = 0

    async def hear(self) -> dict[str, Any]:
        """Return the next message that is no output."""
        while True:
            message = await self.step()
            if message is not None:
                return message

    async def step(self) -> dict[str, Any] | None:
        """Take one message in; output is kept and acknowledged."""
        output = await self.socket.receive_output(5)
        if output["type"] == "websocket.close":
            return {"type": "closed", "code": output.get("code") or 1000}
        data = output.get("bytes")
        if data is not None:
            self.shown += data[1:]
            self.offset += len(data) - 1
            await self.say(type="ack", offset=self.offset)
            return None
        message: dict[str, Any] = json.loads(output["text"])
        if message["type"] == "open":
            self.offset = message["offset"]
        return message

    async def until(self, kind: str) -> dict[str, Any]:
        while (message := await self.hear())["type"] != kind:
            assert message["type"] != "closed", message
        return message

    async def say(self, **message: Any) -> None:
        await self.socket.send_json_to(message)

    async def type(self, data: bytes) -> None:
        await self.socket.send_to(bytes_data=data)


@pytest.fixture
def token(alice: Actor, token_of: Callable[[Actor], str]) -> str:
    return token_of(alice)


@pytest.fixture
def container(created: Callable[..., str], node: StreamServer) -> str:
    return created()


@pytest.fixture
def enter(container: str, token: str, open_socket: Open) -> Callable[..., Any]:
    """Open the socket of a session."""

    async def entered(session: str, query: str = "") -> Client:
        socket = open_socket(f"/ws/containers/{container}/sessions/{session}{query}", token)
        accepted, _ = await socket.connect()
        assert accepted
        return Client(socket)

    return entered


async def test_what_is_typed_comes_back_and_then_the_exit_code(
    container: str, opened: Opened, enter: Callable[..., Any]
) -> None:
    client = await enter(await sync_to_async(opened)(container))
    first = await client.until("open")
    await client.type(b"hello\xff\n")
    taken = await client.until("taken")
    await client.say(type="eof")
    over = await client.until("exit")

    assert first == {"type": "open", "offset": 0, "received": 0, "taken": 0, "tty": False}
    assert taken["total"] == 7
    assert over["exit_code"] == 0
    assert client.shown == b"hello\xff\n"


async def test_the_operation_ends_with_the_session(
    container: str, opened: Opened, enter: Callable[..., Any], engine: FakeEngine
) -> None:
    session = await sync_to_async(opened)(container)
    client = await enter(session)
    await client.until("open")
    row = await Operation.objects.aget(pk=session)
    assert (row.status, row.handed_over) == (Status.RUNNING, True)
    await client.say(type="eof")
    await client.until("exit")
    await sync_to_async(relay)(engine)

    row = await Operation.objects.aget(pk=session)
    assert (row.status, row.result) == (Status.SUCCEEDED, {"exit_code": 0})
    attached = await Operation.objects.aget(kind="container.attach")
    assert attached.target == container
    await client.socket.disconnect()


def relay(engine: FakeEngine) -> None:
    from typing import cast

    from panel.agent.relay import relay_pending
    from runtime.engine import Engine

    relay_pending(cast("Engine", engine), "here")


async def test_a_socket_goes_on_where_the_last_one_was_cut(
    container: str, opened: Opened, enter: Callable[..., Any]
) -> None:
    session = await sync_to_async(opened)(container)
    first = await enter(session)
    await first.until("open")
    await first.type(b"one\n")
    while len(first.shown) < 4:
        await first.step()
    await first.socket.disconnect()

    second = await enter(session, f"?offset={first.offset}")
    again = await second.until("open")
    assert (again["offset"], again["received"], again["taken"]) == (4, 4, 4)
    await second.type(b"two\n")
    await second.say(type="eof")
    await second.until("exit")
    assert second.shown == b"two\n"


async def test_the_window_s_size_arrives(
    container: str, opened: Opened, enter: Callable[..., Any], engine: FakeEngine
) -> None:
    session = await sync_to_async(opened)(container, tty=True)
    client = await enter(session)
    assert (await client.until("open"))["tty"] is True
    await client.say(type="resize", rows=40, columns=120)
    await client.type(b"x")
    await client.until("taken")

    assert engine.containers._all[container].sessions[session].sizes == [(40, 120)]
    await client.say(type="close")
    assert (await client.until("exit"))["exit_code"] == 129


async def test_a_socket_waits_until_a_worker_has_opened_the_session(
    container: str, alice: Actor, enter: Callable[..., Any], workshop: Workshop
) -> None:
    spec = {"command": ["cat"], "tty": False}
    operation = await sync_to_async(submit)(
        "container.session", actor=alice, target=container, params={"spec": spec}
    )
    client = await enter(operation.pk)
    assert await client.socket.receive_nothing(0.3)
    await sync_to_async(run)(operation.pk, workshop)

    assert (await client.until("open"))["offset"] == 0
    await client.socket.disconnect()


async def test_a_program_that_is_not_there_is_told(
    container: str, opened: Opened, enter: Callable[..., Any]
) -> None:
    client = await enter(await sync_to_async(opened)(container, "no-such-program"))

    told = await client.until("error")
    assert told["code"] == "invalid_spec"
    assert "no-such-program" in told["reason"]
    assert (await client.hear())["code"] == 1000


async def test_a_session_that_is_over_tells_its_exit_code_again(
    container: str, opened: Opened, enter: Callable[..., Any], engine: FakeEngine
) -> None:
    session = await sync_to_async(opened)(container, "false")
    await sync_to_async(relay)(engine)
    engine.containers._all[container].sessions.clear()
    client = await enter(session)

    assert (await client.until("exit"))["exit_code"] == 1
    assert (await client.hear())["code"] == 1000


async def test_another_reader_is_told_that_it_was_replaced(
    container: str, opened: Opened, enter: Callable[..., Any]
) -> None:
    session = await sync_to_async(opened)(container)
    first = await enter(session)
    await first.until("open")
    second = await enter(session)
    await second.until("open")

    assert "somebody else" in (await first.until("parted"))["reason"]
    assert (await first.hear())["code"] == 1000
    await second.socket.disconnect()


@pytest.mark.parametrize(
    "message", ["x", "[]", '{"type": "ack"}', '{"type": "resize", "rows": true}', '{"type": "no"}']
)
async def test_a_message_that_is_none_ends_the_socket(
    container: str, opened: Opened, enter: Callable[..., Any], message: str
) -> None:
    client = await enter(await sync_to_async(opened)(container))
    await client.until("open")
    await client.socket.send_to(text_data=message)

    assert await closed(client.socket) == CLOSED_BAD_REQUEST


async def test_too_much_input_at_once_ends_the_socket(
    container: str, opened: Opened, enter: Callable[..., Any]
) -> None:
    client = await enter(await sync_to_async(opened)(container))
    await client.until("open")
    await client.type(bytes(INPUT_WINDOW + 1))

    assert await closed(client.socket) == CLOSED_BAD_REQUEST


async def test_a_node_that_does_not_answer_means_come_again(
    container: str, opened: Opened, enter: Callable[..., Any], node: StreamServer
) -> None:
    session = await sync_to_async(opened)(container)
    node.stop()
    client = await enter(session)

    assert await closed(client.socket) == CLOSED_UNAVAILABLE


@pytest.mark.parametrize("change", ["token", "policy"])
async def test_whoever_may_not_go_on_is_sent_away_and_the_session_hung_up(
    container: str,
    alice: Actor,
    opened: Opened,
    enter: Callable[..., Any],
    engine: FakeEngine,
    change: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(standing, "CHECK_SECONDS", 0.2)
    session = await sync_to_async(opened)(container)
    client = await enter(session)
    await client.until("open")
    if change == "token":
        await sync_to_async(Token.objects.all().delete)()
    else:
        await TeamPolicy.objects.acreate(team_id=alice.team_id, overrides={"sessions": False})

    assert await closed(client.socket) in (CLOSED_NOT_ALLOWED, 1000)
    for _ in range(100):
        mark = engine.containers.once(container, session)
        if mark is not None and mark.state == "done":
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it goes on")
