"""Operations, images, events, health and the document."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.urls import get_resolver

from panel.accounts.actors import Actor
from panel.api.urls import urlpatterns
from panel.eventlog import since
from panel.eventlog.append import Happening, append
from panel.eventlog.models import Counter, Event
from panel.eventlog.since import read_on
from panel.inventory.models import Image
from panel.operations.models import Operation
from panel.operations.submit import submit

Api = Callable[..., Any]
SLEEPER = {"spec": {"image": "starter", "command": ["sleep", "1000"]}}


def lines(response: Any) -> list[dict[str, Any]]:
    async def collect() -> bytes:
        return b"".join([chunk async for chunk in response])

    return [json.loads(line) for line in async_to_sync(collect)().splitlines()]


def test_operations_are_listed_newest_first_and_filtered(
    alice: Actor, api: Api, created: Callable[..., str]
) -> None:
    container = created(name="web")
    queued = submit("container.start", actor=alice, target=container)

    everything = api(alice, "GET", "/operations").json()["results"]
    waiting = api(alice, "GET", "/operations?status=queued").json()["results"]
    starts = api(alice, "GET", f"/operations?kind=container.create&target={container}").json()

    assert [one["kind"] for one in everything] == ["container.start", "container.create"]
    assert [one["id"] for one in waiting] == [queued.pk]
    assert [one["target"] for one in starts["results"]] == [container]


def test_a_queued_operation_is_cancelled_at_once(alice: Actor, api: Api) -> None:
    operation = submit("container.create", actor=alice, params=SLEEPER)

    response = api(alice, "POST", f"/operations/{operation.pk}/cancel")

    assert (response.status_code, response.json()["status"]) == (202, "cancelled")
    assert response["Location"] == f"/api/v1/operations/{operation.pk}"
    again = api(alice, "POST", f"/operations/{operation.pk}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_a_cancel_is_waited_for(alice: Actor, api: Api) -> None:
    running, queued = (submit("container.create", actor=alice, params=SLEEPER) for _ in range(2))
    Operation.objects.filter(pk=running.pk).update(status="running")
    begun = time.monotonic()

    asked = api(alice, "POST", f"/operations/{running.pk}/cancel?wait=0.3")
    waited = time.monotonic() - begun
    at_once = api(alice, "POST", f"/operations/{queued.pk}/cancel?wait=30")
    wrong = api(alice, "POST", f"/operations/{running.pk}/cancel?wait=x")

    assert (asked.status_code, asked.json()["status"]) == (202, "running")
    assert waited >= 0.3
    assert (at_once.status_code, at_once.json()["status"]) == (200, "cancelled")
    assert wrong.json()["errors"][0]["field"] == "wait"


def test_images_are_listed_and_deleted_by_any_of_their_names(
    alice: Actor, api: Api, harbour: Any
) -> None:
    name = "registry.example:5000/deep/path/web:2"
    Image.objects.create(
        team=harbour, node="here", image_id=f"sha256:{'ab' * 32}", references=[name], size=7
    )

    listed = api(alice, "GET", "/images").json()["results"]
    answers = [
        api(alice, "DELETE", f"/images/{one}").status_code
        for one in (name, f"sha256:{'ab' * 32}", "ab" * 32, "ab" * 6)
    ]

    assert [(one["references"], one["size"]) for one in listed] == [([name], 7)]
    assert answers == [202] * 4
    assert api(alice, "DELETE", "/images/other/web:2").status_code == 404


def test_events_come_in_order_after_a_number(alice: Actor, api: Api) -> None:
    first = submit("container.create", actor=alice, params=SLEEPER)
    second = submit("container.create", actor=alice, params=SLEEPER)

    everything = lines(api(alice, "GET", "/events?since=0"))
    after = lines(api(alice, "GET", f"/events?since={first.number}"))

    assert [event["seq"] for event in everything] == [first.number, second.number]
    assert [event["operation"] for event in after] == [second.pk]
    assert {"seq", "kind", "time", "container", "version", "operation", "payload"} == set(after[0])


def test_events_that_are_not_kept_any_more_are_gone(alice: Actor, api: Api) -> None:
    submit("container.create", actor=alice, params=SLEEPER)
    Counter.objects.create(name="pruned", value=1)
    Event.objects.all().delete()

    response = api(alice, "GET", "/events?since=0")

    assert (response.status_code, response.json()["code"]) == (410, "gone")


def test_events_without_a_number_begin_with_the_oldest_that_is_kept(alice: Actor, api: Api) -> None:
    pruned = submit("container.create", actor=alice, params=SLEEPER)
    kept = submit("container.create", actor=alice, params=SLEEPER)
    Event.objects.filter(seq=pruned.number).delete()
    Counter.objects.create(name="pruned", value=pruned.number)

    response = api(alice, "GET", "/events")

    assert response.status_code == 200
    assert [event["seq"] for event in lines(response)] == [kept.number]


def test_a_follower_of_a_quiet_team_goes_on_with_the_log(alice: Actor, charlie: Actor) -> None:
    first = submit("container.create", actor=alice, params=SLEEPER)
    foreign = submit("container.create", actor=charlie, params=SLEEPER)

    quiet = read_on(first.number, team_id=alice.team_id)
    Event.objects.all().delete()
    Counter.objects.create(name="pruned", value=foreign.number)

    assert (quiet.events, quiet.seq, quiet.more) == ([], foreign.number, False)
    assert read_on(quiet.seq, team_id=alice.team_id).seq == foreign.number


def test_a_full_page_goes_on_after_its_last_event(alice: Actor) -> None:
    rows = [submit("container.create", actor=alice, params=SLEEPER) for _ in range(3)]

    page = read_on(None, team_id=alice.team_id, limit=2)

    assert [event.seq for event in page.events] == [rows[0].number, rows[1].number]
    assert (page.seq, page.more) == (rows[1].number, True)


def test_what_is_pruned_while_events_are_read_is_not_left_out_silently(
    alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit("container.create", actor=alice, params=SLEEPER)
    second = submit("container.create", actor=alice, params=SLEEPER)
    read = since._after

    def pruned_before(seq: int, team_id: int, limit: int) -> list[Event]:
        Counter.objects.create(name="pruned", value=second.number)
        Event.objects.all().delete()
        return read(seq, team_id, limit)

    monkeypatch.setattr(since, "_after", pruned_before)

    with pytest.raises(since.Gone):
        since.since(0, team_id=alice.team_id)


@pytest.mark.parametrize("query", ["since=x", "since=-1", f"since={10**30}", "follow=maybe"])
def test_a_wrong_query_of_events_is_named(alice: Actor, api: Api, query: str) -> None:
    response = api(alice, "GET", f"/events?{query}")

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize(
    "query",
    ["since=yesterday", "since=offset:x", "since=2026-01-01T00:00:00", "tail=-1", "follow=2"],
)
def test_a_wrong_query_of_logs_is_named(
    alice: Actor, api: Api, created: Callable[..., str], query: str
) -> None:
    created(name="web")

    response = api(alice, "GET", f"/containers/web/logs?{query}")

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == query.partition("=")[0]


def test_logs_without_an_agent_mean_try_again(
    alice: Actor, api: Api, created: Callable[..., str]
) -> None:
    created(name="web")

    response = api(alice, "GET", "/containers/web/logs")

    assert (response.status_code, response["Retry-After"]) == (503, "1")


def test_health_names_what_is_missing(client: Any, db: None, settings: Any) -> None:
    settings.REDIS_URL = "unix:///nonexistent/valkey.sock"

    response = client.get("/healthz")

    assert response.status_code == 503
    assert response.json()["missing"] == ["broker"]


def test_the_document_has_every_route_and_method(client: Any) -> None:
    document = client.get("/api/schema/").json()

    assert document["openapi"].startswith("3.1")
    told = {
        (path, method)
        for path, methods in document["paths"].items()
        for method in methods
        if method != "parameters"
    }
    assert told == routes()


def _views(view: Any) -> dict[str, Any]:
    return dict(view.views)


def routes() -> set[tuple[str, str]]:
    found = set()
    for route in urlpatterns:
        if route.name == "nothing":
            continue
        path = str(route.pattern).strip("^$").replace("(?P<reference>.+)", "<str:reference>")
        path = path.replace("<str:", "{").replace(">", "}")
        found |= {(f"/api/v1/{path}", method.lower()) for method in _views(route.callback)}
    return found


def test_every_answer_has_the_shape_that_the_document_says(
    client: Any, alice: Actor, api: Api, created: Callable[..., str], harbour: Any
) -> None:
    created(name="web")
    Image.objects.create(team=harbour, node="here", image_id="sha256:1", references=["a:1"])
    schemas = client.get("/api/schema/").json()["components"]["schemas"]

    for path, name in (
        ("containers", "Container"),
        ("operations", "Operation"),
        ("images", "Image"),
    ):
        row = api(alice, "GET", f"/{path}").json()["results"][0]
        assert set(row) == set(schemas[name]["properties"])
    problem = api(alice, "GET", "/containers/none").json()
    assert set(problem) == set(schemas["Problem"]["properties"])


def test_every_part_of_the_document_that_is_referred_to_exists(client: Any) -> None:
    text = client.get("/api/schema/").content.decode()
    schemas = json.loads(text)["components"]["schemas"]

    named = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}

    assert named <= set(schemas)


def test_nothing_under_the_apis_roof_is_served_by_pages(client: Any, db: None) -> None:
    assert get_resolver().resolve("/api/v2/containers").func.__module__ == "panel.api.urls"
    response = client.get("/api/v2/containers")
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")


def test_a_foreign_event_is_not_told(alice: Actor, charlie: Actor, api: Api) -> None:
    from django.db import transaction

    with transaction.atomic():
        append(Happening(team_id=alice.team_id, kind="container.created", payload={"name": "x"}))
    mine = submit("container.create", actor=charlie, params=SLEEPER)

    assert [event["seq"] for event in lines(api(charlie, "GET", "/events"))] == [mine.number]
    assert not Operation.objects.filter(team_id=alice.team_id).exists()
