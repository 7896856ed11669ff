"""The team's events over a socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from panel.accounts.actors import Actor
from panel.eventlog.models import Counter, Event
from panel.live import events
from panel.live.sockets import CLOSED_BAD_REQUEST, CLOSED_FETCH_AGAIN
from panel.operations.models import Operation
from panel.operations.submit import submit
from tests.panel.live.conftest import closed, received

pytestmark = pytest.mark.django_db(transaction=True)
Open = Callable[..., WebsocketCommunicator]


@pytest.fixture
def token(alice: Actor, token_of: Callable[[Actor], str]) -> str:
    return token_of(alice)


def make(actor: Actor) -> Operation:
    return submit("container.create", actor=actor, params={"spec": {"image": "starter"}})


async def next_event(socket: WebsocketCommunicator) -> dict[str, object]:
    while True:
        message = await received(socket, 8)
        if message["type"] == "event":
            return message


async def test_events_after_a_number_come_first_then_a_heartbeat_with_it(
    alice: Actor, token: str, open_socket: Open
) -> None:
    rows = [await sync_to_async(make)(alice) for _ in range(3)]
    socket = open_socket(f"/ws/events?since={rows[0].number}", token)
    await socket.connect()

    messages = [await received(socket) for _ in range(3)]

    assert [one["seq"] for one in messages] == [rows[1].number, rows[2].number, rows[2].number]
    assert messages[0]["type"] == "event"
    assert messages[0]["operation"] == rows[1].pk
    assert messages[2] == {"type": "heartbeat", "seq": rows[2].number}
    await socket.disconnect()


async def test_a_new_event_is_told_at_once(alice: Actor, token: str, open_socket: Open) -> None:
    socket = open_socket("/ws/events?since=0", token)
    await socket.connect()
    assert (await received(socket))["type"] == "heartbeat"
    begun = time.monotonic()

    row = await sync_to_async(make)(alice)
    message = await next_event(socket)

    assert message["operation"] == row.pk
    assert time.monotonic() - begun < 1
    await socket.disconnect()


async def test_every_event_comes_once_and_in_order_while_they_are_made(
    alice: Actor, token: str, open_socket: Open
) -> None:
    async def make_many() -> list[int]:
        return [(await sync_to_async(make)(alice)).number for _ in range(30)]

    making = asyncio.create_task(make_many())
    socket = open_socket("/ws/events?since=0", token)
    await socket.connect()

    seen = [(await next_event(socket))["seq"] for _ in range(30)]

    assert seen == await making
    await socket.disconnect()


async def test_a_foreign_event_is_never_told_but_the_number_goes_on(
    alice: Actor, charlie: Actor, token: str, open_socket: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.2)
    row = await sync_to_async(make)(charlie)
    socket = open_socket("/ws/events?since=0", token)
    await socket.connect()

    messages = [await received(socket) for _ in range(3)]

    assert messages == [{"type": "heartbeat", "seq": row.number}] * 3
    await socket.disconnect()


def test_the_heartbeat_comes_every_five_seconds() -> None:
    assert events.HEARTBEAT_SECONDS == 5


async def test_a_lost_notice_costs_no_more_than_a_heartbeat(
    alice: Actor, token: str, open_socket: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.4)
    monkeypatch.setattr("panel.eventlog.append.announce", lambda *_, **__: None)
    socket = open_socket("/ws/events?since=0", token)
    await socket.connect()
    await received(socket)

    row = await sync_to_async(make)(alice)

    assert (await next_event(socket))["operation"] == row.pk
    await socket.disconnect()


async def test_what_is_not_kept_any_more_has_to_be_fetched(
    alice: Actor, token: str, open_socket: Open
) -> None:
    await sync_to_async(make)(alice)
    await Counter.objects.acreate(name="pruned", value=1)
    await Event.objects.all().adelete()
    socket = open_socket("/ws/events?since=0", token)
    await socket.connect()

    assert await closed(socket) == CLOSED_FETCH_AGAIN


async def test_a_wrong_number_ends_the_socket(token: str, open_socket: Open) -> None:
    socket = open_socket("/ws/events?since=yesterday", token)
    await socket.connect()

    assert await closed(socket) == CLOSED_BAD_REQUEST


async def test_a_reader_that_is_too_slow_is_told_to_fetch_again(
    alice: Actor, token: str, open_socket: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "SLOW_SECONDS", 0.2)
    for _ in range(3):
        await sync_to_async(make)(alice)
    socket = open_socket("/ws/events?since=0", token)
    stuck = asyncio.Event()

    async def send(self: object, **_: object) -> None:
        await stuck.wait()

    monkeypatch.setattr(events.Events, "send", send)
    await socket.connect()

    assert await closed(socket) == CLOSED_FETCH_AGAIN
