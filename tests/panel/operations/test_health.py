"""What health checks find comes into the picture: a status by its event, results by a round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from panel.agent.relay import relay_pending
from panel.eventlog.models import Event
from panel.inventory.models import Container
from panel.operations.reconcile import Findings, reconcile
from runtime.engine import Engine
from tests.fakes.engine import FakeEngine

NODE = "here"
WELL = {"test": ["CMD-SHELL", "echo well"]}
ILL = {"test": ["CMD-SHELL", "exit 7"], "retries": 2}

pytestmark = pytest.mark.django_db(transaction=True)


def relayed(engine: FakeEngine) -> None:
    relay_pending(cast(Engine, engine), NODE)


def row(container: str) -> Container:
    return Container.objects.get(pk=container)


def of(container: str) -> list[dict[str, Any]]:
    """Return the payloads of a container's events of health."""
    found = Event.objects.filter(container=container, kind="container.health").order_by("seq")
    return [event.payload for event in found]


def test_a_status_is_drawn_and_told_by_its_event(
    created: Callable[..., str], engine: FakeEngine
) -> None:
    container = created(health=ILL)
    relayed(engine)

    assert row(container).health == "unhealthy"
    assert row(container).record["health"]["failing_streak"] == 2
    assert [payload["health"] for payload in of(container)] == ["unhealthy"]
    engine.containers.probe(container, 0, "better")
    relayed(engine)
    assert row(container).health == "healthy"
    assert [payload["health"] for payload in of(container)] == ["unhealthy", "healthy"]


def test_what_has_no_check_has_no_health(created: Callable[..., str], engine: FakeEngine) -> None:
    container = created()
    relayed(engine)

    assert (row(container).health, row(container).checked) == ("", None)
    assert row(container).record["health"] is None


def test_a_round_draws_results_that_are_no_events_and_has_done_nothing(
    created: Callable[..., str], engine: FakeEngine
) -> None:
    container, other = created(health=WELL), created(health=WELL)
    relayed(engine)
    reconcile(engine, node=NODE)
    before, untouched = row(container), row(other)
    events = Event.objects.count()
    engine.containers.probe(container, 5, "once")

    assert reconcile(engine, node=NODE) == Findings()

    after = row(container)
    assert (after.version, after.health) == (before.version, "healthy")
    assert after.record["health"]["failing_streak"] == 1
    assert [one["exit_code"] for one in after.record["health"]["log"]] == [0, 5]
    assert before.checked is not None
    assert after.checked is not None
    assert after.checked > before.checked
    assert row(other).record == untouched.record
    assert Event.objects.count() == events


def test_what_does_not_run_has_no_health_but_its_last_results(
    created: Callable[..., str], engine: FakeEngine
) -> None:
    container = created(health=ILL)
    engine.containers.end(container, 1)
    relayed(engine)

    assert (row(container).state, row(container).health) == ("exited", "")
    assert row(container).record["health"]["status"] == "unhealthy"
