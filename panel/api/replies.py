"""How changes are answered: 202 with the operation, or held until it is over."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, JsonResponse

from panel.accounts.actors import Actor
from panel.api import present
from panel.api.door import wait_seconds
from panel.operations.models import UNFINISHED, Operation
from panel.operations.submit import submit
from panel.operations.wait import wait_for


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
    return answered(row, (200 if failed else status) if over else 202)


def answered(row: Operation, status: int) -> JsonResponse:
    """Return the reply that shows an operation and says where it is."""
    response = JsonResponse(present.operation(row), status=status)
    response["Location"] = f"/api/v1/operations/{row.pk}"
    return response
