"""Containers: list, create, look at, change, wait for."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action, require
from panel.accounts.standing import while_allowed
from panel.api import present
from panel.api.door import body, flag, route, standing, wait_seconds
from panel.api.pages import page
from panel.api.problems import TooLate
from panel.api.replies import changed
from panel.database.sharing import giving_back
from panel.inventory.models import Container
from panel.inventory.queries import containers_of, find_container
from panel.operations import kinds
from runtime.errors import InvalidSpec

WAIT_POLL_SECONDS = 0.1
LONGEST_POLL_SECONDS = 2.0
OWNERS = ("namespace", "id_range")
"""Fields of a spec that the team decides, never the request."""


def _list(request: HttpRequest, actor: Actor) -> HttpResponseBase:
    require(actor, Action.CONTAINER_VIEW)
    rows = containers_of(actor.team_id).select_related("team")
    if "state" in request.GET:
        rows = rows.filter(state=request.GET["state"])
    return page(request, rows, present.container, keys=("-created", "-id"))


async def _create(request: HttpRequest, actor: Actor) -> HttpResponseBase:
    params = body(request)
    for name in OWNERS:
        if name in params:
            raise InvalidSpec(name, "there is no such field")
    start = params.pop("start", True)
    return await changed(
        request,
        actor,
        kinds.CONTAINER_CREATE.code,
        status=201,
        params={"spec": params, "start": start},
    )


def _detail(_request: HttpRequest, actor: Actor, container: str) -> HttpResponseBase:
    require(actor, Action.CONTAINER_VIEW)
    return JsonResponse(present.container(find_container(actor.team_id, container)))


async def _update(request: HttpRequest, actor: Actor, container: str) -> HttpResponseBase:
    row = await _find(actor, container)
    params = body(request)
    return await changed(request, actor, kinds.CONTAINER_UPDATE.code, target=row.pk, params=params)


async def _delete(request: HttpRequest, actor: Actor, container: str) -> HttpResponseBase:
    row = await _find(actor, container)
    return await changed(
        request,
        actor,
        kinds.CONTAINER_DELETE.code,
        target=row.pk,
        params={"force": flag(request, "force")},
    )


def _verb(code: str, nest: bool = False) -> Callable[..., Any]:
    """Return the view of one verb; its body has the kind's parameters."""

    async def change(request: HttpRequest, actor: Actor, container: str) -> HttpResponseBase:
        row = await _find(actor, container)
        params = body(request)
        asked = {"spec": params} if nest else params
        return await changed(request, actor, code, target=row.pk, params=asked)

    return change


async def _wait(request: HttpRequest, actor: Actor, container: str) -> HttpResponseBase:
    """Hold until the container has exited, or as long as `?timeout=` says."""
    require(actor, Action.CONTAINER_VIEW)
    bounded = "timeout" in request.GET
    seconds = wait_seconds(request, "timeout") if bounded else math.inf
    row = await _find(actor, container)
    look = standing(request, actor, Action.CONTAINER_VIEW)
    row = await while_allowed(_over(actor, row, seconds), look)
    return JsonResponse({"exit_code": row.exit_code, "oom_killed": row.oom_killed})


async def _over(actor: Actor, row: Container, seconds: float) -> Container:
    """Return the container once it is over. Raises TooLate after `seconds`, NotFound."""
    deadline = time.monotonic() + seconds
    pause = WAIT_POLL_SECONDS
    while not _is_over(row):
        if time.monotonic() >= deadline:
            raise TooLate(f"the container is still {row.state}")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_POLL_SECONDS)
        row = await sync_to_async(giving_back(find_container))(actor.team_id, row.pk)
    return row


def _is_over(row: Container) -> bool:
    restarting = bool(row.record.get("restarting"))
    return row.state in ("exited", "dead") and not restarting


@sync_to_async
def _find(actor: Actor, container: str) -> Container:
    return find_container(actor.team_id, container)


collection = route(GET=_list, POST=_create)
detail = route(GET=_detail, PATCH=_update, DELETE=_delete)
start = route(POST=_verb(kinds.CONTAINER_START.code))
stop = route(POST=_verb(kinds.CONTAINER_STOP.code))
kill = route(POST=_verb(kinds.CONTAINER_KILL.code))
rename = route(POST=_verb(kinds.CONTAINER_RENAME.code))
restart = route(POST=_verb(kinds.CONTAINER_RESTART.code))
pause = route(POST=_verb(kinds.CONTAINER_PAUSE.code))
resume = route(POST=_verb(kinds.CONTAINER_RESUME.code))
execute = route(POST=_verb(kinds.CONTAINER_EXEC.code, nest=True))
wait = route(POST=_wait)
