"""Cookies, origins and tokens of sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.db import OperationalError
from django.test import Client

from panel.accounts import standing
from panel.accounts.actors import Actor
from panel.accounts.models import Token, User
from panel.accounts.roles import Role
from panel.accounts.roster import Place, ensure_user
from panel.live import sockets
from tests.panel.live.conftest import closed

pytestmark = pytest.mark.django_db(transaction=True)
Open = Callable[..., WebsocketCommunicator]
OURS = "http://testserver"


@pytest.fixture
def cookie(alice: Actor) -> str:
    client = Client()
    client.force_login(User.objects.get(pk=alice.user_id))
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


async def opens(socket: WebsocketCommunicator) -> bool:
    connected, _ = await socket.connect()
    if connected:
        await socket.disconnect()
    return bool(connected)


async def test_a_page_of_ours_opens_a_socket_with_its_cookie(
    cookie: str, open_socket: Open
) -> None:
    assert await opens(open_socket("/ws/events", cookie=cookie, origin=OURS))


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://testserver.evil.example", "http://testserver:81"],
)
async def test_a_page_of_somebody_else_does_not(
    cookie: str, open_socket: Open, origin: str
) -> None:
    assert not await opens(open_socket("/ws/events", cookie=cookie, origin=origin))


async def test_a_cookie_without_an_origin_does_not(cookie: str, open_socket: Open) -> None:
    assert not await opens(open_socket("/ws/events", cookie=cookie))


async def test_a_bad_token_is_not_made_good_by_a_cookie(cookie: str, open_socket: Open) -> None:
    assert not await opens(open_socket("/ws/events", "nonsense", cookie=cookie, origin=OURS))


async def test_a_token_in_the_address_is_not_looked_at(
    alice: Actor, token_of: Callable[[Actor], str], open_socket: Open
) -> None:
    token = await sync_to_async(token_of)(alice)

    assert not await opens(open_socket(f"/ws/events?token={token}"))


def disable() -> None:
    ensure_user("vera", Place(team="harbour", role=Role.VIEWER, disabled=True))


def revoke() -> None:
    Token.objects.all().delete()


def leave() -> None:
    from panel.accounts.roster import leave_team

    leave_team("vera", "harbour")


@pytest.mark.parametrize("change", [disable, revoke, leave])
async def test_who_may_no_longer_is_sent_away(
    vera: Actor,
    token_of: Callable[[Actor], str],
    open_socket: Open,
    change: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(standing, "CHECK_SECONDS", 0.2)
    socket = open_socket("/ws/events", await sync_to_async(token_of)(vera))
    await socket.connect()

    await sync_to_async(change)()

    assert await closed(socket) == sockets.CLOSED_NOT_ALLOWED


async def test_a_session_that_was_ended_does_not_keep_its_socket(
    cookie: str, open_socket: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from panel.accounts.roster import end_access

    monkeypatch.setattr(standing, "CHECK_SECONDS", 0.2)
    socket = open_socket("/ws/events", cookie=cookie, origin=OURS)
    await socket.connect()

    await sync_to_async(lambda: end_access(User.objects.get(username="alice")))()

    assert await closed(socket) == sockets.CLOSED_NOT_ALLOWED


def failing(monkeypatch: pytest.MonkeyPatch, name: str, times: int) -> list[int]:
    """Let the database fail `times` times where the socket asks for `name`; count all calls."""
    asked: list[int] = []
    real = getattr(sockets, name)

    def look(*facts: object) -> object:
        asked.append(1)
        if len(asked) <= times:
            raise OperationalError("database is locked")
        return real(*facts)

    monkeypatch.setattr(sockets, name, look)
    return asked


async def test_one_check_that_fails_on_the_database_ends_nothing(
    vera: Actor,
    token_of: Callable[[Actor], str],
    open_socket: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(standing, "CHECK_SECONDS", 0.1)
    asked = failing(monkeypatch, "still_there", 1)
    socket = open_socket("/ws/events", await sync_to_async(token_of)(vera))
    await socket.connect()
    await asyncio.sleep(0.8)
    assert len(asked) >= 3

    await sync_to_async(revoke)()

    assert await closed(socket) == sockets.CLOSED_NOT_ALLOWED


async def test_two_checks_in_a_row_that_fail_send_the_reader_away_to_come_back(
    vera: Actor,
    token_of: Callable[[Actor], str],
    open_socket: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(standing, "CHECK_SECONDS", 0.1)
    asked = failing(monkeypatch, "still_there", 100)
    socket = open_socket("/ws/events", await sync_to_async(token_of)(vera))
    await socket.connect()

    assert await closed(socket) == sockets.CLOSED_UNAVAILABLE
    assert len(asked) == 2


async def test_a_database_that_is_away_at_the_handshake_means_come_back(
    open_socket: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, "actor_of", 1)
    socket = open_socket("/ws/events", "whatever")

    await socket.connect()

    assert await closed(socket) == sockets.CLOSED_UNAVAILABLE


async def test_a_database_that_goes_away_while_events_are_read_means_come_back(
    vera: Actor,
    token_of: Callable[[Actor], str],
    open_socket: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("panel.live.events.read_on", away)
    socket = open_socket("/ws/events", await sync_to_async(token_of)(vera))
    await socket.connect()

    assert await closed(socket) == sockets.CLOSED_UNAVAILABLE


def test_the_check_comes_at_least_every_five_seconds() -> None:
    assert standing.CHECK_SECONDS <= 5
