"""PATCH changes limits and restart policy, and shows what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from panel.accounts.actors import Actor
from panel.agent.relay import relay_pending
from runtime.engine import Engine
from tests.fakes.engine import FakeEngine

Api = Callable[..., Any]
MIB = 1 << 20


def test_a_change_is_an_operation_and_is_shown(
    bob: Actor,
    api: Api,
    created: Callable[..., str],
    drain: Callable[[], object],
    engine: FakeEngine,
) -> None:
    container = created(name="web")
    wish = {"limits": {"memory_bytes": 64 * MIB}, "restart": {"policy": "on-failure", "retries": 3}}
    response = api(bob, "PATCH", "/containers/web", wish)
    told = response.json()
    drain()
    relay_pending(cast("Engine", engine), "here")
    shown = api(bob, "GET", "/containers/web").json()

    assert response.status_code == 202
    assert response["Location"] == f"/api/v1/operations/{told['id']}"
    assert (told["kind"], told["target"]) == ("container.update", container)
    assert shown["limits"]["memory_bytes"] == 64 * MIB
    assert shown["restart"] == {"policy": "on-failure", "retries": 3}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "limits"),
        ({"image": "other"}, "image"),
        ({"limits": {"cpus": "x"}}, "limits.cpus"),
        ({"limits": {"ulimits": []}}, "limits.ulimits"),
        ({"restart": {"policy": "x"}}, "restart.policy"),
    ],
)
def test_a_wrong_field_is_named(
    bob: Actor, api: Api, created: Callable[..., str], body: Any, field: str
) -> None:
    created(name="web")
    response = api(bob, "PATCH", "/containers/web", body)

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == field
