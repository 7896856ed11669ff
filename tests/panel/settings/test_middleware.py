"""Django's middlewares run as they would one inside the other, but in the event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.utils.module_loading import import_string

from panel.accounts.actors import Actor
from panel.accounts.roster import issue_login_link
from panel.settings.middleware import Chain, Headers, Visit

HOOKS: list[str] = []


class Part:
    """A middleware that notes its hooks."""

    name = ""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        HOOKS.append(f"{self.name} in")
        if request.GET.get("early") == self.name:
            return HttpResponse("early")
        if request.GET.get("fails") == self.name:
            raise PermissionDenied
        return None

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        HOOKS.append(f"{self.name} out")
        if request.GET.get("breaks") == self.name:
            raise PermissionDenied
        return response


class Outer(Part):
    name = "outer"


class Inner(Part):
    name = "inner"


class Both(Chain):
    PARTS = tuple(f"{__name__}.{kind.__name__}" for kind in (Outer, Inner))


@pytest.fixture(autouse=True)
def hooks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("panel.settings.middleware.import_string", found)
    HOOKS.clear()
    return HOOKS


def found(path: str) -> Any:
    here = {"Outer": Outer, "Inner": Inner}
    return here.get(path.rpartition(".")[2]) or import_string(path)


def view(_request: HttpRequest) -> HttpResponse:
    HOOKS.append("view")
    return HttpResponse("late")


async def in_loop(request: HttpRequest) -> HttpResponse:
    return view(request)


def answer(mode: str, query: str) -> HttpResponse:
    request = RequestFactory().get(f"/?{query}")
    if mode == "sync":
        response: HttpResponse = Both(view)(request)
        return response

    async def asked() -> HttpResponse:
        found: HttpResponse = await Both(in_loop)(request)
        return found

    return asyncio.run(asked())


each_mode = pytest.mark.parametrize("mode", ["sync", "async"])


@each_mode
def test_hooks_run_in_and_back_out(mode: str, hooks: list[str]) -> None:
    assert answer(mode, "").content == b"late"
    assert hooks == ["outer in", "inner in", "view", "inner out", "outer out"]


@each_mode
def test_an_early_answer_goes_back_through_those_it_came_through(
    mode: str, hooks: list[str]
) -> None:
    assert answer(mode, "early=outer").content == b"early"
    assert hooks == ["outer in", "outer out"]


@each_mode
def test_a_failure_is_an_answer_that_goes_back_out(mode: str, hooks: list[str]) -> None:
    assert answer(mode, "fails=inner").status_code == 403
    assert hooks == ["outer in", "inner in", "outer out"]
    hooks.clear()
    assert answer(mode, "breaks=inner").status_code == 403
    assert hooks == ["outer in", "inner in", "view", "inner out", "outer out"]


def test_together_they_are_djangos_and_in_djangos_order() -> None:
    names = [path.rpartition(".")[2] for path in (*Headers.PARTS, *Visit.PARTS)]

    assert names == [
        "SecurityMiddleware", "CSPMiddleware", "SessionMiddleware", "CommonMiddleware",
        "CsrfViewMiddleware", "AuthenticationMiddleware", "MessageMiddleware",
        "XFrameOptionsMiddleware",
    ]  # fmt: skip


def test_a_strange_host_gets_the_headers_of_every_answer(client: Client) -> None:
    response = client.get("/sign-in/", headers={"host": "evil.example"})

    assert response.status_code == 400
    assert "Content-Security-Policy" in response
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.django_db(transaction=True)
async def test_a_thread_is_taken_only_to_write_the_session(
    alice: Actor, async_client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    leave = Chain._leave

    def noted(self: Chain, *args: Any) -> Any:
        threads.append(threading.get_ident())
        return leave(self, *args)

    monkeypatch.setattr(Chain, "_leave", noted)
    shown = await async_client.get("/sign-in/")
    assert (shown.status_code, set(threads)) == (200, {threading.get_ident()})

    link = await sync_to_async(issue_login_link)(alice.username)
    signed_in = await async_client.post(f"/login/{link}")

    assert signed_in.status_code == 302
    assert "sessionid" in signed_in.cookies
    assert threading.get_ident() not in threads[2:]
    assert (await async_client.get("/containers/")).status_code == 200
