"""Every socket times every person, generated from the routes; all refusals look alike."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from panel.accounts.actors import Actor
from panel.live.routes import websocket_urlpatterns
from runtime.streams.server import StreamServer

pytestmark = pytest.mark.django_db(transaction=True)
DECLARED = {
    "ws/containers/<str:container>/logs": "a container's output, for its team's viewers",
    "ws/containers/<str:container>/stats": "what a container uses, for its team's viewers",
    "ws/containers/<str:container>/sessions/<str:session>": "a session, for who opened it",
    "ws/events": "the own team's events",
}
"""A socket that is not declared fails."""
ROUTES = [str(route.pattern) for route in websocket_urlpatterns]
ABOUT_CONTAINERS = [route for route in ROUTES if "<str:container>" in route]
PEOPLE = ("nobody", "charlie", "vera", "bob", "alice")
REFUSED = {"type": "websocket.close", "code": 1000}
Open = Callable[..., WebsocketCommunicator]


@pytest.fixture
def tokens(
    alice: Actor,
    bob: Actor,
    vera: Actor,
    charlie: Actor,
    token_of: Callable[[Actor], str],
) -> dict[str, str]:
    people = {"alice": alice, "bob": bob, "vera": vera, "charlie": charlie}
    return {"nobody": "", **{name: token_of(actor) for name, actor in people.items()}}


def address(route: str, container: str, session: str = "f" * 32) -> str:
    named = route.replace("<str:container>", container).replace("<str:session>", session)
    return f"/{named}"


def test_every_socket_is_declared() -> None:
    assert set(ROUTES) == set(DECLARED)


@pytest.mark.parametrize(("route", "person"), list(itertools.product(ROUTES, PEOPLE)))
async def test_who_may_open_what(
    route: str,
    person: str,
    node: StreamServer,
    created: Callable[..., str],
    opened: Callable[..., str],
    tokens: dict[str, str],
    open_socket: Open,
) -> None:
    container = await sync_to_async(created)()
    session = await sync_to_async(opened)(container)
    mine = person in ("vera", "bob", "alice") or (person == "charlie" and route == "ws/events")
    if "<str:session>" in route:
        mine = person == "alice"
    socket = open_socket(address(route, container, session), tokens[person])

    await socket.send_input({"type": "websocket.connect"})
    answer = await socket.receive_output(3)

    if mine:
        assert answer["type"] == "websocket.accept"
        await socket.disconnect()
    else:
        assert plain(answer) == REFUSED


@pytest.mark.parametrize("route", [*ABOUT_CONTAINERS, "ws/nothing", ""])
async def test_a_foreign_container_a_missing_one_and_no_address_at_all_are_refused_alike(
    route: str,
    created: Callable[..., str],
    opened: Callable[..., str],
    tokens: dict[str, str],
    open_socket: Open,
) -> None:
    container = await sync_to_async(created)(name="web")
    session = await sync_to_async(opened)(container)
    answers = []
    for name in (container, "web", "0" * 32):
        socket = open_socket(address(route, name, session), tokens["charlie"])
        await socket.send_input({"type": "websocket.connect"})
        answers.append(plain(await socket.receive_output(3)))

    assert answers == [REFUSED] * 3


def plain(answer: Any) -> dict[str, Any]:
    return {"type": answer["type"], "code": answer.get("code") or 1000}
