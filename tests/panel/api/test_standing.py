"""A request that is held open is let go once who asked may no longer have what it gives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connections
from django.test import AsyncClient

from panel.accounts import standing
from panel.accounts.actors import Actor
from panel.accounts.models import Token, User
from panel.accounts.roster import end_access, issue_token
from panel.api import events as followed
from panel.eventlog import since
from panel.operations.models import Operation

pytestmark = pytest.mark.django_db(transaction=True)
SLEEPER = json.dumps({"image": "starter", "command": ["sleep", "1000"]})


@pytest.fixture(autouse=True)
async def closed_connections(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    monkeypatch.setattr(standing, "CHECK_SECONDS", 0.2)
    monkeypatch.setattr(followed, "POLL_SECONDS", 0.1)
    yield
    await sync_to_async(connections.close_all)()


@pytest.fixture
def token(alice: Actor) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue_token('alice')}"}


@pytest.fixture
def container(created: Callable[..., str]) -> str:
    return created()


async def revoke() -> None:
    await sync_to_async(Token.objects.all().delete)()


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(100):
        if await sync_to_async(condition)():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen")


async def drained(response: Any) -> list[bytes]:
    return [chunk async for chunk in response]


async def test_a_held_create_is_let_go_when_its_token_is_revoked(token: dict[str, str]) -> None:
    asked = asyncio.create_task(
        AsyncClient().post(
            "/api/v1/containers?wait=60", SLEEPER, content_type="application/json", headers=token
        )
    )
    await until(Operation.objects.exists)

    await revoke()

    response = await asyncio.wait_for(asked, 5)
    assert (response.status_code, response.json()["code"]) == (403, "not_allowed")


async def test_a_wait_for_an_exit_is_let_go_when_its_token_is_revoked(
    token: dict[str, str], container: str
) -> None:
    path = f"/api/v1/containers/{container}/wait"
    asked = asyncio.create_task(AsyncClient().post(path, headers=token))
    await asyncio.sleep(0.5)
    assert not asked.done()

    await revoke()

    assert (await asyncio.wait_for(asked, 5)).status_code == 403


async def test_followed_events_end_when_their_token_is_revoked(token: dict[str, str]) -> None:
    response = await AsyncClient().get("/api/v1/events?follow=1", headers=token)
    reading = asyncio.create_task(drained(response))
    await asyncio.sleep(0.5)
    assert not reading.done()

    await revoke()

    await asyncio.wait_for(reading, 5)


async def test_followed_events_end_when_their_session_is_ended(alice: Actor) -> None:
    client = AsyncClient()
    user = await User.objects.aget(pk=alice.user_id)
    await client.aforce_login(user)
    response = await client.get("/api/v1/events?follow=1")
    reading = asyncio.create_task(drained(response))
    await asyncio.sleep(0.5)
    assert not reading.done()

    await sync_to_async(end_access)(user)

    await asyncio.wait_for(reading, 5)


class Endless:
    """A stream that says nothing until it is closed."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def log_batches(self) -> AsyncIterator[list[Any]]:
        await self.closed.wait()
        if not self.closed.is_set():
            yield []

    async def close(self) -> None:
        self.closed.set()


async def test_a_followed_log_ends_when_its_session_is_ended(
    alice: Actor, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connected(*_: object) -> Endless:
        return Endless()

    monkeypatch.setattr("panel.api.logs.connect", connected)
    client = AsyncClient()
    user = await User.objects.aget(pk=alice.user_id)
    await client.aforce_login(user)
    response = await client.get(f"/api/v1/containers/{container}/logs?follow=1")
    reading = asyncio.create_task(drained(response))
    await asyncio.sleep(0.5)
    assert not reading.done()

    await sync_to_async(end_access)(user)

    await asyncio.wait_for(reading, 5)


@pytest.mark.parametrize(("failures", "ends"), [(1, False), (2, True)])
async def test_followed_events_outlast_one_failed_look_and_not_two(
    token: dict[str, str], monkeypatch: pytest.MonkeyPatch, failures: int, ends: bool
) -> None:
    response = await AsyncClient().get("/api/v1/events?follow=1", headers=token)
    real, asked = since.read_on, [0]

    def read_on(*facts: Any, **named: Any) -> Any:
        asked[0] += 1
        if asked[0] <= failures:
            raise OperationalError("database is locked")
        return real(*facts, **named)

    monkeypatch.setattr(followed, "read_on", read_on)
    reading = asyncio.create_task(drained(response))
    await until(lambda: asked[0] >= 3 or reading.done())

    assert reading.done() == ends
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


async def test_a_database_that_goes_away_while_a_create_is_held_promises_it_all_the_same(
    token: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("panel.api.replies.wait_for", away)

    response = await AsyncClient().post(
        "/api/v1/containers?wait=5", SLEEPER, content_type="application/json", headers=token
    )

    row = await Operation.objects.aget()
    assert (response.status_code, response.json()["id"]) == (202, row.pk)
    assert response["Location"] == f"/api/v1/operations/{row.pk}"
