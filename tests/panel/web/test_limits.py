"""The form of limits shows what holds, asks for all of it, and says what is wrong where it is."""

from __future__ import annotations

from typing import Any, cast

import pytest
from django.http import QueryDict

from panel.accounts.actors import Actor
from panel.agent.relay import relay_pending
from panel.operations.models import Operation
from panel.policy.models import TeamPolicy
from panel.web.limits_form import FIELDS, POLICIES, LimitsForm
from runtime.engine import Engine
from runtime.spec.amendment import Amendment
from runtime.spec.container import RESTART, ContainerSpec
from runtime.spec.limits import Limits
from tests.fakes.engine import FakeEngine
from tests.panel.web.people import Browser, Create, Drain

MIB = 1 << 20
SPEC = ContainerSpec(
    image="web",
    limits=Limits(
        memory_bytes=96 * MIB,
        memory_swap_bytes=-1,
        memory_reservation_bytes=48 * MIB,
        cpus=1.5,
        cpu_shares=512,
        pids=77,
    ),
    restart="on-failure",
    restart_retries=4,
)


def sent(form: LimitsForm, **changed: str) -> LimitsForm:
    query = QueryDict(mutable=True)
    query.update({**form.values, **changed})
    return LimitsForm.typed(query)


def test_a_form_that_is_sent_as_it_is_shown_changes_nothing() -> None:
    odd = ContainerSpec(image="web", limits=Limits(memory_bytes=100_000_007, cpus=0.1234567))
    for spec in (SPEC, ContainerSpec(image="web"), odd):
        wish = sent(LimitsForm.of(spec.to_json())).wish()

        assert wish is not None
        assert Amendment.from_json(wish).applied(spec) == spec


def test_empty_fields_take_limits_away() -> None:
    empty = dict.fromkeys(("memory", "swap", "reservation", "cpus", "shares", "pids"), "")
    wish = sent(LimitsForm.of(SPEC.to_json()), **empty).wish()

    assert wish is not None
    assert Amendment.from_json(wish).applied(SPEC).limits == Limits()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((name, "many") for name in ("memory", "swap", "reservation", "cpus", "shares", "pids")),
        *(("memory", "0"), ("cpus", "-1"), ("swap", "-2"), ("pids", "nan"), ("shares", "1e99")),
        *(("retries", "-1"), ("retries", "1.5"), ("retries", "²")),
    ],
)
def test_what_is_no_number_is_said_at_its_field(name: str, text: str) -> None:
    form = sent(LimitsForm.of(SPEC.to_json()), **{name: text})

    assert form.wish() is None
    assert set(form.errors) == {name}


def test_every_policy_has_words_and_every_field_a_place() -> None:
    assert set(POLICIES) == set(RESTART)
    assert set(FIELDS.values()) == set(LimitsForm.of({}).values)


def test_limits_are_changed_by_the_form(
    created: Create, bob: Actor, browser: Browser, drain: Drain, engine: FakeEngine
) -> None:
    container = created(name="quay")
    client = browser(bob)
    asked = client.get(f"/containers/{container}/limits/").content.decode()
    fields = {**LimitsForm.of({}).values, "memory": "64", "cpus": "0,5", "policy": "always"}
    answer = client.post(f"/containers/{container}/limits/", fields)
    drain()

    assert 'name="memory"' in asked
    assert answer["Location"] == f"/containers/{container}/"
    spec = engine.containers.inspect(container).spec
    assert (spec["limits"]["memory_bytes"], spec["limits"]["cpus"]) == (64 * MIB, 0.5)
    assert spec["restart"] == "always"


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("memory", "1", "is not between"),
        ("swap", "10", "Give limits.memory_bytes with it"),
        ("policy", "never", "is none of"),
        ("pids", "99", "10"),
    ],
)
def test_what_is_refused_is_said_and_what_was_typed_is_kept(
    created: Create, bob: Actor, browser: Browser, field: str, text: str, said: str
) -> None:
    container = created(limits={"pids": 5})
    TeamPolicy.objects.create(team_id=bob.team_id, overrides={"max_pids": 10})
    fields: dict[str, Any] = {**LimitsForm.of({}).values, "pids": "5", field: text}
    answer = browser(bob).post(f"/containers/{container}/limits/", fields)
    page = answer.content.decode()

    assert answer.status_code == 422
    assert f'id="{field}-e"' in page
    assert said in page
    assert not Operation.objects.filter(kind="container.update").exists()


def test_a_viewer_has_no_form(created: Create, vera: Actor, browser: Browser) -> None:
    container = created(name="quay")
    client = browser(vera)

    assert client.get(f"/containers/{container}/limits/").status_code == 403
    assert client.post(f"/containers/{container}/limits/", {"memory": "9"}).status_code == 403
    assert "/limits/" not in client.get(f"/containers/{container}/").content.decode()


def test_figures_are_on_the_page_and_shown_while_it_runs(
    created: Create, vera: Actor, browser: Browser, engine: FakeEngine
) -> None:
    running, over = created(), created("true")
    relay_pending(cast("Engine", engine), "here")
    shown = browser(vera).get(f"/containers/{running}/").content.decode()
    hidden = browser(vera).get(f"/containers/{over}/").content.decode()

    for key in ("cpu", "memory", "network", "io", "pids"):
        assert f'data-figure="{key}"' in shown
    assert f'data-socket="/ws/containers/{running}/stats?interval=2" data-state="running">' in shown
    assert 'data-state="exited" hidden>' in hidden


def test_the_page_of_processes_asks_the_api(created: Create, vera: Actor, browser: Browser) -> None:
    container = created()
    page = browser(vera).get(f"/containers/{container}/processes/").content.decode()

    assert f'data-address="/api/v1/containers/{container}/top"' in page
