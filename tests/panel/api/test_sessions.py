"""Opening a session over REST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from panel.accounts.actors import Actor
from panel.operations.models import Operation

Api = Callable[..., Any]


def test_the_answer_names_the_socket(bob: Actor, api: Api, created: Callable[..., str]) -> None:
    container = created(name="web")
    response = api(bob, "POST", "/containers/web/sessions", {"command": ["sh"], "rows": 30})

    told = response.json()
    assert response.status_code == 202
    assert told["socket"] == f"/ws/containers/{container}/sessions/{told['id']}"
    assert told["operation"]["kind"] == "container.session"
    assert response["Location"] == f"/api/v1/operations/{told['id']}"
    row = Operation.objects.get(pk=told["id"])
    assert row.params["spec"]["rows"] == 30


def test_what_is_wrong_is_named(bob: Actor, api: Api, created: Callable[..., str]) -> None:
    created(name="web")
    response = api(bob, "POST", "/containers/web/sessions", {"command": ["sh"], "tty": "yes"})

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "tty"


def test_without_a_command_there_is_none(bob: Actor, api: Api, created: Callable[..., str]) -> None:
    created(name="web")
    response = api(bob, "POST", "/containers/web/sessions", {})

    assert response.json()["errors"][0]["field"] == "command"
