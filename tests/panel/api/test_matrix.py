"""Every route times every method times every person, generated from the URL conf.

A route that is not declared here fails. A foreign object and a missing one must be answered
alike, with nothing of the foreign one in any answer, and a refusal must change nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest
from asgiref.sync import async_to_sync

from panel.accounts.actors import Actor
from panel.accounts.models import Team
from panel.accounts.roles import Role
from panel.agent.relay import relay_pending
from panel.api.urls import urlpatterns
from panel.eventlog.models import Event
from panel.inventory.models import Container, Image
from panel.operations.models import Operation
from runtime.engine import Engine
from tests.fakes.engine import FakeEngine

CANARY = "canary-7f3a"
METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
PEOPLE = ("nobody", "charlie", "vera", "bob", "alice")
MISSING = {
    "container": "0" * 32,
    "operation": "f" * 32,
    "reference": "registry.example/none/there:1",
    "rest": "",
}
BODIES: dict[str, Any] = {
    "containers": {"image": "starter", "command": ["true"]},
    "container-exec": {"command": ["true"]},
    "container-sessions": {"command": ["true"]},
    "container-rename": {"name": "other"},
}
CHANGE = {"limits": {"pids": 20}}
STREAMS = {
    *(("container-logs", "get"), ("container-stats", "get"), ("container-top", "get")),
    ("image-load", "post"),
}
"""Need a node agent; allowed people get 503 here, where none runs."""


@dataclass(frozen=True)
class Declared:
    """The weakest role for each method that a route has; `about` is what its path names."""

    about: str = ""
    get: Role | None = None
    post: Role | None = None
    patch: Role | None = None
    delete: Role | None = None


DECLARED = {
    "containers": Declared(get=Role.VIEWER, post=Role.OPERATOR),
    "container": Declared("container", get=Role.VIEWER, patch=Role.OPERATOR, delete=Role.OPERATOR),
    "container-start": Declared("container", post=Role.OPERATOR),
    "container-stop": Declared("container", post=Role.OPERATOR),
    "container-kill": Declared("container", post=Role.OPERATOR),
    "container-restart": Declared("container", post=Role.OPERATOR),
    "container-rename": Declared("container", post=Role.OPERATOR),
    "container-pause": Declared("container", post=Role.OPERATOR),
    "container-resume": Declared("container", post=Role.OPERATOR),
    "container-exec": Declared("container", post=Role.OPERATOR),
    "container-sessions": Declared("container", post=Role.OPERATOR),
    "container-wait": Declared("container", post=Role.VIEWER),
    "container-logs": Declared("container", get=Role.VIEWER),
    "container-stats": Declared("container", get=Role.VIEWER),
    "container-top": Declared("container", get=Role.VIEWER),
    "events": Declared(get=Role.VIEWER),
    "images": Declared(get=Role.VIEWER),
    "image-load": Declared(post=Role.OPERATOR),
    "image": Declared("reference", delete=Role.ADMIN),
    "operations": Declared(get=Role.VIEWER),
    "operation": Declared("operation", get=Role.VIEWER),
    "operation-cancel": Declared("operation", post=Role.OPERATOR),
}
ROLES = {"vera": Role.VIEWER, "bob": Role.OPERATOR, "alice": Role.ADMIN}
ROUTES = [str(route.name) for route in urlpatterns if route.name != "nothing"]
CASES = list(itertools.product(ROUTES, PEOPLE))


def test_every_route_is_declared() -> None:
    assert set(ROUTES) == set(DECLARED)


@pytest.fixture
def objects(created: Callable[..., str], alice: Actor, engine: FakeEngine) -> dict[str, str]:
    """Something of Alice's for each kind of path, with the canary wherever text can be."""
    container = created(
        "sh", "-c", f"echo {CANARY}", name=CANARY, env={"SECRET": CANARY}, labels={CANARY: CANARY}
    )
    relay_pending(cast("Engine", engine), "here")  # it has exited
    team = Team.objects.get(slug=alice.team_slug)
    reference = f"registry.example/{CANARY}/web:2"
    Image.objects.create(
        team=team, node="here", image_id=f"sha256:{'ab' * 32}", references=[reference]
    )
    operation = Operation.objects.filter(target=container).first()
    assert operation is not None
    return {"container": container, "operation": operation.pk, "reference": reference}


@pytest.fixture
def people(alice: Actor, bob: Actor, vera: Actor, charlie: Actor) -> dict[str, Actor | None]:
    return {"nobody": None, "charlie": charlie, "vera": vera, "bob": bob, "alice": alice}


def address(route: str, named: dict[str, str]) -> str:
    pattern = next(one for one in urlpatterns if one.name == route).pattern
    path = str(pattern).strip("^$").replace("(?P<reference>.+)", "<str:reference>")
    for kind, name in named.items():
        path = path.replace(f"<str:{kind}>", name)
    assert "<" not in path
    return f"/{path}"


def state() -> tuple[Any, ...]:
    changes = Operation.objects.filter(klass="change")
    return (
        list(changes.order_by("pk").values_list("pk", "status", "cancel_requested")),
        list(Container.objects.order_by("pk").values_list("pk", "version", "state", "deleted")),
        list(Image.objects.order_by("pk").values_list("pk", flat=True)),
        Event.objects.count(),
    )


def body_of(response: Any) -> bytes:
    if not response.streaming:
        return bytes(response.content)
    return async_to_sync(collect)(response)


async def collect(response: Any) -> bytes:
    return b"".join([chunk async for chunk in response])


@pytest.mark.parametrize(("route", "person"), CASES)
def test_who_may_do_what(
    route: str,
    person: str,
    objects: dict[str, str],
    people: dict[str, Actor | None],
    api: Callable[..., Any],
) -> None:
    for method in METHODS:
        needed = getattr(DECLARED[route], method, None)
        before = state()
        response = api(people[person], method, address(route, objects), sent(route, method))
        if needed is not None and person in ROLES and ROLES[person].covers(needed):
            assert_is_done(route, method, response)
            continue

        if needed is None:
            assert response.status_code == 405, method
        elif person == "nobody":
            assert response.status_code == 401, method
            assert response["WWW-Authenticate"] == "Bearer"
        elif person == "charlie":
            assert_sees_nothing(route, method, response, people[person], api)
        else:
            assert response.status_code == 403, method
        if response.status_code >= 400:
            assert state() == before
            assert response["Content-Type"] == "application/problem+json"
            assert method == "head" or response.json()["status"] == response.status_code


def sent(route: str, method: str) -> Any:
    if method == "patch":
        return CHANGE
    return BODIES.get(route, {}) if method == "post" else None


def assert_sees_nothing(
    route: str, method: str, response: Any, charlie: Actor | None, api: Callable[..., Any]
) -> None:
    told = body_of(response)
    assert CANARY.encode() not in told
    if DECLARED[route].about:
        missing = api(charlie, method, address(route, MISSING), sent(route, method))
        assert (response.status_code, missing.status_code) == (404, 404)
        assert told == missing.content


def assert_is_done(route: str, method: str, response: Any) -> None:
    if (route, method) in STREAMS:
        assert response.status_code in (400, 503)
    elif route == "operation-cancel":
        assert response.status_code == 409  # it has succeeded already
    elif method == "get" or route == "container-wait":
        assert response.status_code == 200
    else:
        assert response.status_code == 202


@pytest.mark.parametrize("route", [name for name in ROUTES if DECLARED[name].about == "container"])
def test_a_name_of_another_team_is_as_missing_as_its_id(
    route: str, objects: dict[str, str], charlie: Actor, api: Callable[..., Any]
) -> None:
    declared = DECLARED[route]
    method = next(name for name in ("get", "post", "delete") if getattr(declared, name))
    body = BODIES.get(route, {}) if method == "post" else None

    foreign = api(charlie, method, address(route, {"container": CANARY}), body)
    missing = api(charlie, method, address(route, {"container": "not-there"}), body)

    assert (foreign.status_code, foreign.content) == (404, missing.content)


@pytest.mark.parametrize("path", ["/", "/nothing", "/containers/", "/containers/a/b/c", "/../x"])
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_unknown_address_is_a_problem_too(
    path: str, method: str, alice: Actor, api: Callable[..., Any]
) -> None:
    response = api(alice, method, f"/api/v1{path}")

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"
