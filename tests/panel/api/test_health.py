"""Health checks over REST, on the engine in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from panel.accounts.actors import Actor
from panel.agent.relay import relay_pending
from panel.operations.models import Operation
from runtime.engine import Engine
from tests.fakes.engine import FakeEngine

Api = Callable[..., Any]
Drain = Callable[[], list[Operation]]
SLEEPER = {"image": "starter", "command": ["sleep", "1000"]}


def test_the_health_of_a_container_is_told_with_its_last_results(
    alice: Actor, api: Api, drain: Drain, engine: FakeEngine
) -> None:
    check = {"test": ["CMD-SHELL", "echo ill; exit 7"], "retries": 2}
    api(alice, "POST", "/containers", {**SLEEPER, "name": "web", "health": check})
    api(alice, "POST", "/containers", {**SLEEPER, "name": "plain"})
    drain()
    relay_pending(cast(Engine, engine), "here")

    told = api(alice, "GET", "/containers/web").json()["health"]
    assert (told["status"], told["failing_streak"], len(told["log"])) == ("unhealthy", 2, 2)
    result = told["log"][-1]
    assert (result["exit_code"], result["output"], result["error"]) == (7, "ill\n", None)
    assert result["started"].endswith("Z")
    assert result["finished"].endswith("Z")
    assert api(alice, "GET", "/containers/plain").json()["health"] is None


@pytest.mark.parametrize(
    ("check", "field"),
    [
        ({"test": ["echo"]}, "health.test"),
        ({"test": "true"}, "health.test"),
        ({"interval_seconds": 0}, "health.interval_seconds"),
        ({"every": 5}, "health.every"),
    ],
)
def test_what_is_no_check_is_named(
    alice: Actor, api: Api, check: dict[str, object], field: str
) -> None:
    answer = api(alice, "POST", "/containers", {**SLEEPER, "health": check})

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
