"""The sockets of the panel, with a node's stream server on the engine in memory."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.db import connections

from panel.accounts.actors import Actor
from panel.accounts.roster import issue_token
from panel.operations.models import Operation
from panel.operations.submit import submit

Open = Callable[..., WebsocketCommunicator]


@pytest.fixture(autouse=True)
async def closed_connections(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Close the connection of the thread that works for this test's loop: it ends with the loop."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    yield
    await sync_to_async(connections.close_all)()


@pytest.fixture
def token_of(transactional_db: None) -> Callable[[Actor], str]:
    return lambda actor: issue_token(actor.username, actor.team_slug)


@pytest.fixture
def open_socket() -> Open:
    """Open a socket with a token, or with other headers."""
    from panel.asgi import application

    def opened(path: str, token: str = "", **headers: str) -> WebsocketCommunicator:
        if token:
            headers["authorization"] = f"Bearer {token}"
        headers.setdefault("host", "testserver")
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        return WebsocketCommunicator(application, path, headers=sent)

    return opened


async def received(socket: WebsocketCommunicator, seconds: float = 3.0) -> dict[str, Any]:
    """Return the next message."""
    plain: dict[str, Any] = json.loads(await socket.receive_from(seconds))
    return plain


async def closed(socket: WebsocketCommunicator, seconds: float = 3.0) -> int:
    """Return the code with which the socket is closed, whatever it says before."""
    while True:
        output = await socket.receive_output(seconds)
        if output["type"] == "websocket.close":
            return int(output.get("code") or 1000)


@pytest.fixture
def opened(alice: Actor, drain: Callable[[], list[Operation]]) -> Callable[..., str]:
    """Open a session of Alice's in a container and return its id; it is `cat` on pipes."""

    def open_one(container: str, *command: str, actor: Actor = alice, **fields: Any) -> str:
        spec = {"command": list(command or ("cat",)), "tty": False, **fields}
        params = {"spec": spec}
        operation = submit("container.session", actor=actor, target=container, params=params)
        drain()
        return operation.pk

    return open_one
