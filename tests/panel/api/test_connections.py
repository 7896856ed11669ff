"""Requests that are held have no connection to the database meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.db import connection, connections
from django.db.backends.signals import connection_created

from panel.accounts.actors import Actor
from panel.accounts.roster import issue_token
from panel.database import sharing
from panel.operations import finish
from panel.operations.claim import claim
from panel.operations.models import Operation

pytestmark = pytest.mark.django_db(transaction=True)
HELD = 120 if connection.vendor == "postgresql" else 30
"""PostgreSQL has 100 here; of SQLite only that they are given back is shown."""
SPEC = json.dumps({"image": "starter", "command": ["true"]}).encode()


@pytest.fixture(autouse=True)
async def closed_connections() -> AsyncIterator[None]:
    yield
    await sync_to_async(connections.close_all)()


@pytest.fixture
def token(alice: Actor) -> str:
    return issue_token("alice")


def asked(token: str, method: str, path: str, query: str, body: bytes = b"") -> Any:
    """Send one request to the application, as the server does: each has a thread of its own."""
    from panel.asgi import http

    headers = [
        (b"host", b"testserver"),
        (b"authorization", f"Bearer {token}".encode()),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": headers,
    }
    return ApplicationCommunicator(http, scope)  # type: ignore[no-untyped-call]


async def status_of(exchange: Any, body: bytes, seconds: float = 200) -> int:
    await exchange.send_input({"type": "http.request", "body": body})
    status = int((await exchange.receive_output(seconds))["status"])
    while (await exchange.receive_output(seconds)).get("more_body"):
        pass
    await exchange.wait()
    return status


def open_connections() -> int:
    """Count the server's connections, or the descriptors that there are of SQLite's file."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            )
            return int(cursor.fetchone()[0])
    found = 0
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            found += os.readlink(f"/proc/self/fd/{number}") == connection.settings_dict["NAME"]
    return found


def end_all() -> None:
    for row in Operation.objects.filter(status="queued"):
        mine = claim(row.pk, node=row.node)
        if mine is not None:
            finish.succeed(row.pk, mine.fence)


async def until_there_are(count: int) -> None:
    for _ in range(1000):
        if await Operation.objects.acount() >= count:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"there are not {count} operations")


async def usual_connections() -> int:
    """Return how many there are most of the time, whoever takes a short look now and then."""
    counts = []
    for _ in range(21):
        counts.append(await sync_to_async(open_connections)())
        await asyncio.sleep(0.05)
    return sorted(counts)[10]


async def test_more_creates_are_held_than_the_server_has_connections(token: str) -> None:
    held = []
    for number in range(HELD):
        exchange = asked(token, "POST", "/api/v1/containers", "wait=200", SPEC)
        held.append(asyncio.create_task(status_of(exchange, SPEC)))
        await until_there_are(number + 1)
    await asyncio.sleep(sharing.MOMENT_SECONDS + 1)

    usual = await usual_connections()
    await sync_to_async(end_all)()
    statuses = await asyncio.gather(*held)

    assert set(statuses) == {201}
    assert usual <= HELD / 2


async def test_followers_have_no_connection_while_nothing_happens(token: str) -> None:
    exchanges = [asked(token, "GET", "/api/v1/events", "follow=1") for _ in range(HELD)]
    for exchange in exchanges:
        await exchange.send_input({"type": "http.request", "body": b""})
        assert (await exchange.receive_output(20))["status"] == 200

    usual = await usual_connections()
    for exchange in exchanges:
        await exchange.send_input({"type": "http.disconnect"})
        await exchange.wait(20)

    assert usual <= HELD / 2


async def test_a_create_that_is_soon_over_connects_once(token: str) -> None:
    mine = await sync_to_async(threading.get_ident)()
    made: list[int] = []

    def note(**_: object) -> None:
        made.append(threading.get_ident())

    connection_created.connect(note)
    try:
        exchange = asked(token, "POST", "/api/v1/containers", "wait=60", SPEC)
        held = asyncio.create_task(status_of(exchange, SPEC))
        while not held.done():
            await sync_to_async(end_all)()
            await asyncio.sleep(0.02)  # the end itself is what is done here
    finally:
        connection_created.disconnect(note)

    assert held.result() == 201
    assert len([one for one in made if one != mine]) == 1


async def test_few_keep_their_connection_for_a_moment(token: str) -> None:
    with sharing.Moment() as first:
        others = [sharing.Moment() for _ in range(sharing.KEEPERS)]
        kept = [one.__enter__().left > 0 for one in others]
        assert (first.left > 0, kept.count(True)) == (True, sharing.KEEPERS - 1)
        await asyncio.sleep(sharing.MOMENT_SECONDS)
        assert first.left == 0
        assert sharing.Moment.keepers == sharing.KEEPERS - 1
        for one in others:
            one.__exit__(None, None, None)
    assert sharing.Moment.keepers == 0
