"""What a container uses and runs, over plain HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient

from panel.accounts import standing
from panel.accounts.actors import Actor
from panel.accounts.models import Token
from panel.accounts.roster import issue_token
from panel.operations.models import Operation
from runtime.streams.server import StreamServer
from tests.fakes.engine import FakeEngine

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
async def closed_connections(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    monkeypatch.setattr(standing, "CHECK_SECONDS", 0.2)
    yield
    await sync_to_async(connections.close_all)()


@pytest.fixture
def token(vera: Actor) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue_token('vera')}"}


@pytest.fixture
def container(created: Callable[..., str], node: StreamServer) -> str:
    return created(name="quay")


async def ask(container: str, what: str, token: dict[str, str]) -> Any:
    return await AsyncClient().get(f"/api/v1/containers/{container}/{what}", headers=token)


async def test_one_sample_by_id_or_name(container: str, token: dict[str, str]) -> None:
    for name in (container, "quay"):
        response = await ask(name, "stats", token)
        told = response.json()

        assert response.status_code == 200
        assert told["memory"]["usage_bytes"] > 0
        assert told["memory"]["swap_bytes"] is None
        assert told["network"]["interfaces"]["eth0"] == told["network"]["total"]
        assert told["time"].endswith("Z")
        assert "time_ns" not in told


async def test_a_stream_is_a_line_for_each_sample_and_ends_with_the_container(
    container: str, token: dict[str, str], engine: FakeEngine
) -> None:
    response = await ask(container, "stats?stream=1&interval=0.5", token)
    assert response["Content-Type"] == "application/x-ndjson"
    times = []
    async for line in response:
        times.append(json.loads(line)["monotonic_ns"])
        if len(times) == 3:
            await sync_to_async(engine.containers.end)(container, 0)

    assert times == sorted(set(times))
    assert 3 <= len(times) <= 4
    row = await Operation.objects.aget(kind="container.stats")
    assert row.status == "succeeded"


async def test_a_stream_ends_when_its_token_is_revoked(
    container: str, token: dict[str, str]
) -> None:
    response = await ask(container, "stats?stream=1&interval=0.5", token)
    await sync_to_async(Token.objects.all().delete)()

    with pytest.raises(Exception, match="hung up"):
        await asyncio.wait_for(drained(response), 5)


async def drained(response: Any) -> None:
    async for _ in response:
        pass


@pytest.mark.parametrize("interval", ["x", "0", "0.4", "61", "nan", "-1"])
async def test_a_wrong_interval_is_named(
    container: str, token: dict[str, str], interval: str
) -> None:
    response = await ask(container, f"stats?stream=1&interval={interval}", token)

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "interval"


@pytest.mark.parametrize("what", ["stats", "stats?stream=1", "top"])
async def test_what_does_not_run_is_a_conflict(
    created: Callable[..., str], node: StreamServer, token: dict[str, str], what: str
) -> None:
    container = await sync_to_async(created)("true")
    response = await ask(container, what, token)

    assert (response.status_code, response.json()["code"]) == (409, "conflict")
    assert "exited" in response.json()["detail"]


@pytest.mark.parametrize("what", ["stats", "top"])
async def test_a_foreign_container_is_as_missing_as_one_that_never_was(
    container: str, charlie: Actor, what: str
) -> None:
    token = {"Authorization": f"Bearer {await sync_to_async(issue_token)('charlie')}"}
    answers = [await ask(name, what, token) for name in (container, "quay", "0" * 32)]

    assert {answer.status_code for answer in answers} == {404}
    assert not await Operation.objects.filter(klass="stream").aexists()


async def test_the_processes_with_when_and_how_many(container: str, token: dict[str, str]) -> None:
    told = (await ask(container, "top", token)).json()
    (process,) = told["processes"]

    assert told["total"] == 1
    assert told["time"].endswith("Z")
    assert (process["pid"], process["uid"], process["command"]) == (1, 0, "sleep 1000")
    assert process["started"].endswith("Z")
