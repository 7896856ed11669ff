"""Cookies, origins and tokens of sockets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client

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
    monkeypatch.setattr(sockets, "CHECK_SECONDS", 0.2)
    socket = open_socket("/ws/events", await sync_to_async(token_of)(vera))
    await socket.connect()

    await sync_to_async(change)()

    assert await closed(socket) == sockets.CLOSED_NOT_ALLOWED


async def test_a_session_that_was_ended_does_not_keep_its_socket(
    cookie: str, open_socket: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from panel.accounts.roster import end_access

    monkeypatch.setattr(sockets, "CHECK_SECONDS", 0.2)
    socket = open_socket("/ws/events", cookie=cookie, origin=OURS)
    await socket.connect()

    await sync_to_async(lambda: end_access(User.objects.get(username="alice")))()

    assert await closed(socket) == sockets.CLOSED_NOT_ALLOWED


def test_the_check_comes_at_least_every_five_seconds() -> None:
    assert sockets.CHECK_SECONDS <= 5
