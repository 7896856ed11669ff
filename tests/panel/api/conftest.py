"""Clients of the REST API: one for each person, by bearer token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from panel.accounts.actors import Actor
from panel.accounts.roster import issue_token

Api = Callable[..., Any]
PREFIX = "/api/v1"


@pytest.fixture
def api() -> Api:
    """Ask as somebody: `api(actor, "POST", "/containers", {...})`."""

    def ask(actor: Actor | None, method: str, path: str, body: Any = None, **headers: str) -> Any:
        if actor is not None:
            headers["Authorization"] = f"Bearer {issue_token(actor.username, actor.team_slug)}"
        client = Client(raise_request_exception=False)
        options = {"data": body, "content_type": "application/json"} if body is not None else {}
        if body is None and method.lower() == "post":
            options = {"data": b"", "content_type": "application/octet-stream"}
        address = path if path.startswith("/api") else f"{PREFIX}{path}"
        return getattr(client, method.lower())(address, headers=headers, **options)

    return ask
