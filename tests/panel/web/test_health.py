"""How a container fares is seen in the list, on its page, and asked for in the form."""

from __future__ import annotations

from typing import cast

import pytest
from django.http import QueryDict

from panel.accounts.actors import Actor
from panel.agent.relay import relay_pending
from panel.operations.reconcile import reconcile
from panel.web import words
from panel.web.create_form import CreateForm
from runtime.engine import Engine
from runtime.spec.health import Health
from tests.fakes.engine import FakeEngine
from tests.panel.web.people import Browser, Create

WELL = {"test": ["CMD-SHELL", "echo all is well"]}
ILL = {"test": ["CMD-SHELL", "echo '<b>ill'; exit 7"], "retries": 2}


def relayed(engine: FakeEngine) -> None:
    relay_pending(cast(Engine, engine), "here")


def typed(**fields: str) -> CreateForm:
    form = QueryDict(mutable=True)
    form.update({"image": "starter", "memory_unit": "MiB", **fields})
    return CreateForm.typed(form)


def asked(form: CreateForm) -> Health | None:
    spec = form.spec("harbour")
    assert spec is not None, form.errors
    return spec.health


@pytest.mark.parametrize(
    ("state", "health", "word"),
    [
        ("running", "", "Running"),
        ("running", "starting", "Running, unchecked"),
        ("running", "healthy", "Running, healthy"),
        ("running", "unhealthy", "Running, unhealthy"),
        ("running", "strange", "Running"),
        ("paused", "unhealthy", "Paused"),
    ],
)
def test_what_runs_says_how_it_fares(state: str, health: str, word: str) -> None:
    assert words.container_sign(state, None, health=health).word == word


def test_the_list_shows_finds_and_counts_what_is_unhealthy(
    created: Create, engine: FakeEngine, alice: Actor, browser: Browser
) -> None:
    for name, check in (("well", WELL), ("ill", ILL), ("plain", None)):
        created(name=name, health=check)
    relayed(engine)
    client = browser(alice)

    page = client.get("/containers/").content.decode()
    assert page.count("Running, unhealthy") == page.count("Running, healthy") == 1
    for question in ("state:attention", "health:unhealthy"):
        found = client.get(f"/containers/?q={question}").content.decode()
        assert (">ill</a>" in found, ">well</a>" in found, ">plain</a>" in found) == (
            True,
            False,
            False,
        )


def test_the_page_shows_the_last_results_as_text(
    created: Create, engine: FakeEngine, alice: Actor, browser: Browser
) -> None:
    container = created(health=ILL)
    engine.containers.probe(container, None, "it took too long")
    relayed(engine)
    reconcile(engine, node="here")

    page = browser(alice).get(f"/containers/{container}/").content.decode()

    assert "failed 3 times in a row" in page
    assert page.count("Exit code 7") == 2
    assert "it took too long" in page
    assert "&lt;b&gt;ill" in page
    assert "<b>ill" not in page


def test_a_page_of_what_has_no_check_says_nothing_of_health(
    created: Create, alice: Actor, browser: Browser
) -> None:
    page = browser(alice).get(f"/containers/{created()}/").content.decode()

    assert 'id="health"' not in page


def test_a_check_is_asked_for_by_its_script_and_times() -> None:
    form = typed(
        health=" test -e /well ",
        health_interval="2,5",
        health_timeout="1",
        health_start_period="10",
        health_retries="4",
    )

    assert asked(form) == Health(
        test=("CMD-SHELL", "test -e /well"),
        interval_seconds=2.5,
        timeout_seconds=1.0,
        start_period_seconds=10.0,
        retries=4,
    )


def test_an_empty_form_keeps_the_image_s_check() -> None:
    assert asked(typed()) is None
    assert asked(typed(health_retries="2")) == Health(retries=2)


def test_a_check_can_be_declined() -> None:
    assert asked(typed(health="true", unchecked="on")) == Health(test=("NONE",))


def test_what_is_wrong_with_a_check_is_told_at_its_field() -> None:
    form = typed(health="true", health_interval="often", health_retries="0")

    assert form.spec("harbour") is None
    assert form.errors.keys() == {"health_interval", "health_retries"}
    late = typed(health="true", health_timeout="100000")
    assert late.spec("harbour") is None
    assert late.errors.keys() == {"health_timeout"}


def test_the_form_keeps_what_was_typed_of_a_check(alice: Actor, browser: Browser) -> None:
    fields = {"image": "starter", "health": "true", "health_start_period": "long"}

    answer = browser(alice).post("/containers/new/", {**fields, "unchecked": ""})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="long"' in page
    assert "Health start period</a>" in page
    assert 'aria-describedby="health_start_period-e health_start_period-h"' in page
