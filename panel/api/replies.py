"""How changes are answered, 202 or held until they are over, and how lists are cut into pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db.models import Model, QuerySet
from django.http import HttpRequest, JsonResponse

from panel.accounts.actors import Actor
from panel.api import present
from panel.api.door import wait_seconds, whole
from panel.operations.models import UNFINISHED, Operation
from panel.operations.submit import submit
from panel.operations.wait import wait_for
from runtime.errors import InvalidSpec

DEFAULT_PAGE = 100
LONGEST_PAGE = 200
Row = TypeVar("Row", bound=Model)


async def changed(
    request: HttpRequest, actor: Actor, code: str, *, status: int = 200, **asked: Any
) -> JsonResponse:
    """Submit an operation and reply 202, or `status` once it has ended within `?wait=`."""
    seconds = wait_seconds(request)
    row = await sync_to_async(submit)(code, actor=actor, **asked)
    return await told(row, seconds, status=status)


async def told(row: Operation, seconds: float, *, status: int = 200) -> JsonResponse:
    """Reply with an operation, held for `seconds` at most."""
    row = await wait_for(row.pk, seconds)
    over = seconds > 0 and row.status not in UNFINISHED
    failed = row.status in ("failed", "cancelled")
    response = JsonResponse(
        present.operation(row), status=(200 if failed else status) if over else 202
    )
    response["Location"] = f"/api/v1/operations/{row.pk}"
    return response


def page(
    request: HttpRequest, rows: QuerySet[Row], show: Callable[[Row], dict[str, Any]]
) -> JsonResponse:
    """Return one page of `rows`; `next` is the address of the following one, or null."""
    limit = whole(request, "limit", DEFAULT_PAGE, LONGEST_PAGE) or DEFAULT_PAGE
    start = whole(request, "cursor", 0, 10**9) or 0
    found = list(rows[start : start + limit + 1])
    following = None
    if len(found) > limit:
        query = request.GET.copy()
        query["cursor"], query["limit"] = str(start + limit), str(limit)
        following = f"{request.path}?{query.urlencode()}"
    return JsonResponse({"results": [show(row) for row in found[:limit]], "next": following})


def only(request: HttpRequest, *names: str) -> None:
    """Raise InvalidSpec for a query parameter that the address does not know."""
    for name in request.GET:
        if name not in names:
            raise InvalidSpec(name, "there is no such parameter")
