"""Containers over REST, on the engine in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from panel.accounts.actors import Actor
from panel.agent.relay import relay_pending
from panel.eventlog.models import Event
from panel.operations.models import Operation
from runtime.engine import Engine
from tests.fakes.engine import FakeEngine

Api = Callable[..., Any]
Drain = Callable[[], list[Operation]]
SLEEPER = {"image": "starter", "command": ["sleep", "1000"]}


def test_a_create_answers_202_with_its_operation(alice: Actor, api: Api) -> None:
    response = api(alice, "POST", "/containers", {**SLEEPER, "name": "web"})

    told = response.json()
    assert response.status_code == 202
    assert response["Location"] == f"/api/v1/operations/{told['id']}"
    assert (told["kind"], told["status"], told["error"]) == ("container.create", "queued", None)
    assert {"target", "progress", "result", "created", "started", "finished"} < told.keys()


def test_a_container_has_every_field_that_is_promised(alice: Actor, api: Api, drain: Drain) -> None:
    asked = {
        **SLEEPER,
        "name": "web",
        "env": {"A": "1"},
        "labels": {"tier": "front"},
        "limits": {"memory_bytes": 67_108_864, "cpus": 0.5, "pids": 64},
    }
    api(alice, "POST", "/containers", asked)
    drain()

    told = api(alice, "GET", "/containers/web").json()

    assert told["id"] != "web"
    assert told["name"] == "web"
    assert told["image"] == "starter"
    assert told["command"][-2:] == ["sleep", "1000"]
    assert told["state"] == "running"
    assert (told["exit_code"], told["oom_killed"], told["finished"]) == (None, False, None)
    assert told["created"].endswith("Z")
    assert told["started"].endswith("Z")
    assert (told["node"], told["team"]) == ("here", "harbour")
    assert told["limits"] | {"memory_bytes": 67_108_864, "cpus": 0.5, "pids": 64} == told["limits"]
    assert (told["env"], told["labels"]) == ({"A": "1"}, {"tier": "front"})
    assert api(alice, "GET", f"/containers/{told['id']}").json() == told


def test_a_create_without_start_leaves_it_created(alice: Actor, api: Api, drain: Drain) -> None:
    api(alice, "POST", "/containers", {**SLEEPER, "name": "web", "start": False})
    drain()

    assert api(alice, "GET", "/containers/web").json()["state"] == "created"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "image"),
        ({"image": ""}, "image"),
        ({"image": "starter", "colour": "red"}, "colour"),
        ({"image": "starter", "namespace": "elsewhere"}, "namespace"),
        ({"image": "starter", "id_range": 0}, "id_range"),
        ({"image": "starter", "team": "elsewhere"}, "team"),
        ({"image": "starter", "limits": {"memory_bytes": 1}}, "limits.memory_bytes"),
        ({"image": "starter", "limits": {"disk": 1}}, "limits.disk"),
        ({"image": "starter", "command": "true"}, "command"),
        ({"image": "starter", "env": {"A=B": "1"}}, "env"),
        ({"image": "starter", "name": "-"}, "name"),
        ({"image": "starter", "name": "a\0b"}, "name"),
        ({"image": "starter", "start": "yes"}, "start"),
        ({"image": "starter", "working_dir": "tmp"}, "working_dir"),
    ],
)
def test_a_wrong_field_is_named(alice: Actor, api: Api, body: Any, field: str) -> None:
    response = api(alice, "POST", "/containers", body)

    told = response.json()
    assert (response.status_code, told["code"]) == (400, "invalid_spec")
    assert [error["field"] for error in told["errors"]] == [field]
    assert told["errors"][0]["reason"]
    assert not Operation.objects.exists()


@pytest.mark.parametrize("opt_out", [{"privileged": True}, {"seccomp": "unconfined"}])
def test_what_policy_forbids_is_refused_by_field(alice: Actor, api: Api, opt_out: Any) -> None:
    response = api(alice, "POST", "/containers", {**SLEEPER, **opt_out})

    assert (response.status_code, response.json()["code"]) == (403, "refused")
    assert [error["field"] for error in response.json()["errors"]] == list(opt_out)


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "bad_request"),
        (b"[]", "application/json", 400, "bad_request"),
        (b'{"image": "a", "image": "b"}', "application/json", 400, "bad_request"),
        (b'{"image": NaN}', "application/json", 400, "bad_request"),
        (b"\xff", "application/json", 400, "bad_request"),
        (b"[" * 100_000, "application/json", 400, "bad_request"),
        (b"image=starter", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"image", "text/plain", 415, "unsupported_media_type"),
    ],
)
def test_a_body_that_is_no_json_object_is_a_problem(
    alice: Actor, client: Any, body: bytes, kind: str, status: int, code: str
) -> None:
    from panel.accounts.roster import issue_token

    headers = {"Authorization": f"Bearer {issue_token('alice')}"}

    response = client.post("/api/v1/containers", body, content_type=kind, headers=headers)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response["Content-Type"] == "application/problem+json"


def test_a_name_is_taken_only_in_its_team(
    alice: Actor, charlie: Actor, api: Api, drain: Drain
) -> None:
    first = api(alice, "POST", "/containers", {**SLEEPER, "name": "web"})
    second = api(alice, "POST", "/containers", {**SLEEPER, "name": "web"})
    foreign = api(charlie, "POST", "/containers", {**SLEEPER, "name": "web"})

    assert (first.status_code, foreign.status_code) == (202, 202)
    assert (second.status_code, second.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize("wait", ["abc", "-1", "301", "nan", "inf", "1e9"])
def test_a_wait_that_is_no_bounded_number_changes_nothing(
    alice: Actor, api: Api, wait: str
) -> None:
    response = api(alice, "POST", f"/containers?wait={wait}", SLEEPER)

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "wait"
    assert not Operation.objects.exists()


def test_a_reference_that_no_row_can_hold_is_named(alice: Actor, api: Api) -> None:
    longest = api(alice, "POST", "/containers", {**SLEEPER, "image": "a" * 512})
    longer = api(alice, "POST", "/containers", {**SLEEPER, "image": "a" * 513})

    assert longest.status_code == 202
    assert (longer.status_code, longer.json()["errors"]) == (
        400,
        [{"field": "image", "reason": "is longer than 512 characters"}],
    )


def test_a_spec_that_is_too_large_is_told_the_limit(alice: Actor, api: Api) -> None:
    env = {f"NAME_{number}": "x" * 1000 for number in range(250)}
    fits = api(alice, "POST", "/containers", {**SLEEPER, "env": env})
    larger = api(
        alice, "POST", "/containers", {**SLEEPER, "env": env, "labels": {"a": "x" * 20_000}}
    )

    assert fits.status_code == 202
    assert (larger.status_code, larger.json()["code"]) == (400, "invalid_spec")
    assert larger.json()["errors"][0]["field"] == "spec"
    assert "at most 262144" in larger.json()["errors"][0]["reason"]
    assert Operation.objects.count() == 1


def test_a_wait_that_is_over_answers_202(alice: Actor, api: Api) -> None:
    started = time.monotonic()

    response = api(alice, "POST", "/containers?wait=0.3", SLEEPER)

    assert (response.status_code, response.json()["status"]) == (202, "queued")
    assert 0.3 <= time.monotonic() - started < 3


@pytest.mark.django_db(transaction=True)
def test_a_create_that_is_waited_for_answers_201_once_the_process_runs(
    alice: Actor, api: Api, drain: Drain
) -> None:
    worker = threading.Timer(0.2, in_own_connection, [drain])
    worker.start()

    response = api(alice, "POST", "/containers?wait=10", {**SLEEPER, "name": "web"})
    worker.join()

    assert (response.status_code, response.json()["status"]) == (201, "succeeded")
    assert api(alice, "GET", "/containers/web").json()["state"] == "running"


@pytest.mark.django_db(transaction=True)
def test_a_create_that_fails_while_waited_for_answers_200_with_the_problem(
    alice: Actor, api: Api, drain: Drain
) -> None:
    worker = threading.Timer(0.2, in_own_connection, [drain])
    worker.start()

    response = api(alice, "POST", "/containers?wait=10", {"image": "not-there"})
    worker.join()

    told = response.json()
    assert (response.status_code, told["status"]) == (200, "failed")
    assert (told["error"]["code"], told["error"]["status"]) == ("not_found", 404)


def in_own_connection(work: Callable[[], Any]) -> None:
    from django.db import connections

    try:
        work()
    finally:
        connections.close_all()


def test_verbs_change_the_container(
    alice: Actor, api: Api, created: Callable[..., str], drain: Drain, engine: FakeEngine
) -> None:
    container = created(name="web")

    stopped = api(alice, "POST", "/containers/web/stop", {"timeout_seconds": 1})
    drain()
    relay_pending(cast("Engine", engine), "here")
    assert stopped.status_code == 202
    assert api(alice, "GET", f"/operations/{stopped.json()['id']}").json()["status"] == "succeeded"
    assert api(alice, "GET", "/containers/web").json()["state"] == "exited"

    api(alice, "POST", "/containers/web/start")
    drain()
    assert api(alice, "GET", "/containers/web").json()["state"] == "running"

    asked = api(alice, "POST", "/containers/web/restart", {"timeout_seconds": 1})
    drain()
    relay_pending(cast("Engine", engine), "here")
    assert api(alice, "GET", f"/operations/{asked.json()['id']}").json()["status"] == "succeeded"
    assert api(alice, "GET", "/containers/web").json()["state"] == "running"

    api(alice, "POST", f"/containers/{container}/kill", {"signal": "KILL"})
    drain()
    relay_pending(cast("Engine", engine), "here")
    assert api(alice, "GET", "/containers/web").json()["exit_code"] == 137


def test_a_paused_container_is_told_as_such_and_stops(
    alice: Actor, api: Api, created: Callable[..., str], drain: Drain, engine: FakeEngine
) -> None:
    created(name="web")
    seen = []
    for verb in ("pause", "resume", "pause", "exec", "stop"):
        asked = api(
            alice,
            "POST",
            f"/containers/web/{verb}",
            {"command": ["true"]} if verb == "exec" else None,
        )
        drain()
        relay_pending(cast("Engine", engine), "here")
        told = api(alice, "GET", f"/operations/{asked.json()['id']}").json()
        seen.append((told["status"], api(alice, "GET", "/containers/web").json()["state"]))
        if verb == "exec":
            assert told["error"]["code"] == "conflict"

    assert seen == [
        ("succeeded", "paused"),
        ("succeeded", "running"),
        ("succeeded", "paused"),
        ("failed", "paused"),
        ("succeeded", "exited"),
    ]
    told = ("container.paused", "container.resumed")
    kinds = Event.objects.filter(kind__in=told).order_by("seq").values_list("kind", flat=True)
    assert list(kinds) == [*told, *told]


def test_exec_ends_with_what_the_command_said(
    alice: Actor, api: Api, created: Callable[..., str], drain: Drain, engine: FakeEngine
) -> None:
    created(name="web")

    asked = api(alice, "POST", "/containers/web/exec", {"command": ["echo", "hello"]})
    drain()
    relay_pending(cast("Engine", engine), "here")

    result = api(alice, "GET", f"/operations/{asked.json()['id']}").json()["result"]
    assert (result["exit_code"], result["stdout"], result["stderr"]) == (0, "hello\n", "")


@pytest.mark.parametrize(
    ("verb", "body", "field"),
    [
        ("exec", {}, "command"),
        ("exec", {"command": []}, "command"),
        ("exec", {"command": ["a"], "tty": True}, "tty"),
        ("kill", {"signal": "NOPE"}, "signal"),
        ("kill", {"sig": 9}, "sig"),
        ("stop", {"timeout_seconds": -1}, "timeout_seconds"),
        ("start", {"now": True}, "now"),
        ("restart", {"timeout_seconds": -1}, "timeout_seconds"),
        ("rename", {}, "name"),
        ("rename", {"name": "a b"}, "name"),
        ("rename", {"name": "ab" * 16}, "name"),
    ],
)
def test_a_wrong_field_of_a_verb_is_named(
    alice: Actor, api: Api, created: Callable[..., str], verb: str, body: Any, field: str
) -> None:
    created(name="web")

    response = api(alice, "POST", f"/containers/web/{verb}", body)

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == field


def test_wait_answers_with_the_exit(
    alice: Actor, api: Api, created: Callable[..., str], engine: FakeEngine
) -> None:
    created("sh", "-c", "exit 3", name="job")
    relay_pending(cast("Engine", engine), "here")

    response = api(alice, "POST", "/containers/job/wait")

    assert response.json() == {"exit_code": 3, "oom_killed": False}


def test_wait_gives_up_at_its_timeout(alice: Actor, api: Api, created: Callable[..., str]) -> None:
    created(name="web")

    response = api(alice, "POST", "/containers/web/wait?timeout=0.2")

    assert (response.status_code, response.json()["code"]) == (408, "timeout")


def test_delete_needs_force_for_one_that_runs(
    alice: Actor, api: Api, created: Callable[..., str], drain: Drain, engine: FakeEngine
) -> None:
    created(name="web")

    gentle = api(alice, "DELETE", "/containers/web")
    drain()
    told = api(alice, "GET", f"/operations/{gentle.json()['id']}").json()
    assert (told["status"], told["error"]["code"]) == ("failed", "conflict")

    api(alice, "DELETE", "/containers/web?force=1")
    drain()
    relay_pending(cast("Engine", engine), "here")
    assert api(alice, "GET", "/containers/web").status_code == 404
    assert api(alice, "GET", "/containers").json() == {"results": [], "next": None}


def test_a_list_is_cut_into_pages_that_miss_and_repeat_nothing(
    alice: Actor, api: Api, drain: Drain
) -> None:
    for number in range(5):
        api(alice, "POST", "/containers", {**SLEEPER, "name": f"web-{number}"})
    drain()
    names, following = [], "/api/v1/containers?limit=2"

    while following:
        told = api(alice, "GET", following).json()
        assert len(told["results"]) <= 2
        names += [one["name"] for one in told["results"]]
        following = told["next"]
        if len(names) == 2:
            api(alice, "POST", "/containers", {**SLEEPER, "name": "late"})

    assert names == [f"web-{number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "limit=9999", "next=x"])
def test_a_page_that_there_cannot_be_is_refused(alice: Actor, api: Api, query: str) -> None:
    response = api(alice, "GET", f"/containers?{query}")

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == query.partition("=")[0]
