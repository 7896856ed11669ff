"""Sessions: open one; what is said in it goes over its socket."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from panel.accounts.actors import Actor
from panel.api import present
from panel.api.door import body, route
from panel.inventory.queries import find_container
from panel.operations import kinds
from panel.operations.models import Operation
from panel.operations.submit import submit


async def _open(request: HttpRequest, actor: Actor, container: str) -> HttpResponseBase:
    asked = body(request)
    row = await sync_to_async(_submit)(actor, container, asked)
    session = {
        "id": row.pk,
        "socket": f"/ws/containers/{row.target}/sessions/{row.pk}",
        "operation": present.operation(row),
    }
    response = JsonResponse(session, status=202)
    response["Location"] = f"/api/v1/operations/{row.pk}"
    return response


def _submit(actor: Actor, container: str, asked: dict[str, object]) -> Operation:
    row = find_container(actor.team_id, container)
    params = {"spec": asked}
    return submit(kinds.CONTAINER_SESSION.code, actor=actor, target=row.pk, params=params)


collection = route(POST=_open)
