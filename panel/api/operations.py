"""Operations: list, look at, cancel."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action, require
from panel.api import present
from panel.api.door import route, standing, wait_seconds
from panel.api.pages import page
from panel.api.replies import told
from panel.operations import cancel
from panel.operations.models import Operation
from runtime.errors import NotFound

FILTERS = ("status", "kind", "target")


def _list(request: HttpRequest, actor: Actor) -> HttpResponseBase:
    require(actor, Action.OPERATION_VIEW)
    asked = {name: request.GET[name] for name in FILTERS if name in request.GET}
    rows = Operation.objects.filter(team_id=actor.team_id, klass="change", **asked)
    return page(
        request, rows.select_related("team").defer("params"), present.operation, keys=("-number",)
    )


async def _detail(request: HttpRequest, actor: Actor, operation: str) -> HttpResponseBase:
    require(actor, Action.OPERATION_VIEW)
    row = await sync_to_async(_find)(actor, operation)
    if "wait" in request.GET:
        look = standing(request, actor, Action.OPERATION_VIEW)
        return await told(row, wait_seconds(request), look)
    return JsonResponse(present.operation(row))


async def _cancel(request: HttpRequest, actor: Actor, operation: str) -> HttpResponseBase:
    seconds = wait_seconds(request)
    row = await sync_to_async(_asked_to_stop)(actor, operation)
    return await told(row, seconds, standing(request, actor, Action.OPERATION_VIEW))


def _asked_to_stop(actor: Actor, operation: str) -> Operation:
    return cancel.request(_find(actor, operation), actor=actor)


def _find(actor: Actor, operation: str) -> Operation:
    mine = Operation.objects.filter(team_id=actor.team_id, klass="change")
    row = mine.filter(pk=operation).select_related("team").first()
    if row is None:
        raise NotFound("operation", operation)
    return row


collection = route(GET=_list)
detail = route(GET=_detail)
cancellation = route(POST=_cancel)
