"""How changes are answered: 202 with the operation, or held until it is over."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.db import Error
from django.http import HttpRequest, JsonResponse

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action
from panel.accounts.standing import Look, while_allowed
from panel.api import present
from panel.api.door import standing, wait_seconds
from panel.operations.models import UNFINISHED, Operation
from panel.operations.submit import submit
from panel.operations.wait import wait_for
from runtime.errors import Unavailable


async def changed(
    request: HttpRequest, actor: Actor, code: str, *, status: int = 200, **asked: Any
) -> JsonResponse:
    """Submit an operation and reply 202, or `status` once it has ended within `?wait=`."""
    seconds = wait_seconds(request)
    row = await sync_to_async(submit)(code, actor=actor, **asked)
    return await told(row, seconds, standing(request, actor, Action.OPERATION_VIEW), status=status)


async def told(
    row: Operation, seconds: float, may_go_on: Look, *, status: int = 200
) -> JsonResponse:
    """Reply with an operation, held for `seconds` at most. Raises NotAllowed.

    Where the database is away meanwhile the operation is promised all the same: 202, not an error
    that asks for another one.
    """
    try:
        row = await while_allowed(wait_for(row.pk, seconds), may_go_on)
    except (Error, Unavailable):
        return answered(row, 202)
    over = seconds > 0 and row.status not in UNFINISHED
    failed = row.status in ("failed", "cancelled")
    return answered(row, (200 if failed else status) if over else 202)


def answered(row: Operation, status: int) -> JsonResponse:
    """Return the reply that shows an operation and says where it is."""
    response = JsonResponse(present.operation(row), status=status)
    response["Location"] = f"/api/v1/operations/{row.pk}"
    return response
