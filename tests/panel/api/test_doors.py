"""Who gets in, and how errors are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import InterfaceError, OperationalError
from django.test import AsyncClient, Client
from kombu.exceptions import OperationalError as BrokerAway

from panel.accounts.actors import Actor
from panel.accounts.models import User
from panel.accounts.roles import Role
from panel.accounts.roster import Place, ensure_user, issue_token
from panel.operations.models import Operation

Api = Callable[..., Any]
SLEEPER = {"image": "starter", "command": ["sleep", "1000"]}


@pytest.fixture
def browser(alice: Actor) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(pk=alice.user_id))
    return client


@pytest.mark.parametrize("name", ["token", "access_token", "api_key", "key", "sessionid"])
def test_a_secret_in_the_address_is_refused(alice: Actor, api: Api, name: str) -> None:
    response = api(alice, "GET", f"/containers?{name}={issue_token('alice')}")

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == name


def test_a_token_in_the_address_signs_nobody_in(alice: Actor, api: Api) -> None:
    response = api(None, "GET", f"/containers?token={issue_token('alice')}")

    assert response.status_code in (400, 401)
    assert b"results" not in response.content


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer", "Basic YWxpY2U6eA==", "Bearer é"])
def test_a_bad_header_is_not_made_good_by_a_cookie(browser: Client, header: str) -> None:
    assert browser.get("/api/v1/containers").status_code == 200

    response = browser.get("/api/v1/containers", headers={"Authorization": header})

    assert response.status_code == 401


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_a_browser_that_changes_something_shows_the_csrf_token(browser: Client, kind: str) -> None:
    refused = browser.post("/api/v1/containers", "{}", content_type=kind)

    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert not Operation.objects.exists()


def test_a_browser_with_the_csrf_token_may(browser: Client) -> None:
    secret = "a" * 32
    browser.cookies["csrftoken"] = secret

    response = browser.post(
        "/api/v1/containers",
        SLEEPER,
        content_type="application/json",
        headers={"X-CSRFToken": secret},
    )

    assert response.status_code == 202


def test_a_disabled_user_has_no_token_and_no_session(
    browser: Client, alice: Actor, api: Api
) -> None:
    secret = issue_token("alice")
    ensure_user("alice", Place(team="harbour", role=Role.ADMIN, disabled=True))

    by_token = Client().get("/api/v1/containers", headers={"Authorization": f"Bearer {secret}"})

    assert by_token.status_code == 401
    assert browser.get("/api/v1/containers").status_code == 401


def test_an_expired_token_is_refused(alice: Actor) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from panel.accounts.models import Token

    secret = issue_token("alice", expires_seconds=60)
    Token.objects.update(expires=timezone.now() - timedelta(seconds=1))

    response = Client().get("/api/v1/containers", headers={"Authorization": f"Bearer {secret}"})

    assert response.status_code == 401


def test_a_busy_database_means_try_again(
    alice: Actor, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object, **__: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("panel.api.replies.submit", locked)

    response = api(alice, "POST", "/containers", SLEEPER)

    assert (response.status_code, response["Retry-After"]) == (503, "1")
    assert response.json()["code"] == "unavailable"


@pytest.mark.parametrize("fault", [OperationalError, InterfaceError])
def test_a_busy_database_in_a_middleware_is_told_as_a_problem(
    alice: Actor, api: Api, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    def away(*_: object) -> None:
        raise fault("database is locked")

    monkeypatch.setattr(SessionMiddleware, "process_response", away)

    response = api(alice, "GET", "/containers")
    page = Client(raise_request_exception=False).get("/sign-in/")

    assert (response.status_code, response["Retry-After"]) == (503, "1")
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "unavailable"
    assert (page.status_code, page["Content-Type"]) == (503, "text/html; charset=utf-8")


async def test_a_busy_database_in_a_middleware_is_seen_from_another_thread_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(SessionMiddleware, "process_response", away)

    response = await AsyncClient(raise_request_exception=False).get("/api/v1/nothing")

    assert (response.status_code, response["Retry-After"]) == (503, "1")


def test_any_other_error_in_a_middleware_is_a_problem_that_tells_nothing_of_the_inside(
    alice: Actor, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("secret-of-the-inside")

    monkeypatch.setattr(SessionMiddleware, "process_response", broken)

    response = api(alice, "GET", "/containers")

    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert b"secret-of-the-inside" not in response.content


def test_a_host_that_is_not_ours_is_told_as_a_problem(alice: Actor, api: Api) -> None:
    response = api(alice, "GET", "/containers", Host="evil.example")

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


def test_a_dead_broker_fails_no_submit(
    alice: Actor, api: Api, monkeypatch: pytest.MonkeyPatch, transactional_db: None
) -> None:
    def away(*_: object, **__: object) -> None:
        raise BrokerAway("connection refused")

    monkeypatch.setattr("panel.operations.doorbell.app.send_task", away)

    response = api(alice, "POST", "/containers", SLEEPER)

    assert response.status_code == 202
    row = Operation.objects.get(pk=response.json()["id"])
    assert (row.status, row.rung) == ("queued", None)


def test_an_unplanned_error_tells_nothing_of_the_inside(
    alice: Actor, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("secret-of-the-inside")

    monkeypatch.setattr("panel.api.containers.containers_of", broken)

    response = api(alice, "GET", "/containers")

    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert b"secret-of-the-inside" not in response.content


@pytest.mark.parametrize(
    "path", ["/containers/a%00b", "/containers?state=%00", "/operations?kind=%00"]
)
def test_a_nul_in_an_address_is_nobodys_crash(alice: Actor, api: Api, path: str) -> None:
    assert api(alice, "GET", path).status_code in (400, 404)


def test_no_answer_is_kept_by_a_cache(alice: Actor, api: Api) -> None:
    assert api(alice, "GET", "/containers")["Cache-Control"] == "no-store"
