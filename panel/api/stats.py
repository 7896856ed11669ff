"""What a container uses, once or as it comes, and its processes; carried from the node's agent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse

from panel.accounts.actors import Actor
from panel.accounts.standing import Look
from panel.api.door import flag, route, standing
from panel.api.logs import NDJSON, hang_up_when_forbidden
from panel.database.sharing import giving_back
from panel.inventory.queries import find_container
from panel.operations import kinds
from panel.operations.submit import grant_stream
from runtime.errors import InvalidSpec, Unavailable
from runtime.streams.client import Stream, connect
from runtime.streams.newest import newest

DEFAULT_INTERVAL_SECONDS = 1.0


async def _stats(request: HttpRequest, actor: Actor, container: str) -> HttpResponseBase:
    seconds = _interval(request) if flag(request, "stream") else None
    stream = await _open(
        actor, kinds.CONTAINER_STATS.code, container, {"interval_seconds": seconds}
    )
    if seconds is None:
        return JsonResponse((await _whole(stream))[0])
    look = standing(request, actor, kinds.CONTAINER_STATS.action)
    return StreamingHttpResponse(_lines(stream, look), content_type=NDJSON)


async def _top(_request: HttpRequest, actor: Actor, container: str) -> HttpResponseBase:
    stream = await _open(actor, kinds.CONTAINER_TOP.code, container, {})
    head, *processes = await _whole(stream)
    return JsonResponse({**head, "processes": processes})


def _interval(request: HttpRequest) -> float:
    text = request.GET.get("interval", str(DEFAULT_INTERVAL_SECONDS))
    try:
        return float(text)
    except ValueError:
        raise InvalidSpec("interval", f"{text!r} is not a number of seconds") from None


async def _open(actor: Actor, code: str, container: str, asked: dict[str, Any]) -> Stream:
    """Open a stream of the node's agent. Raises NotAllowed, NotFound, Conflict, Unavailable."""

    def ticket() -> str:
        row = find_container(actor.team_id, container)
        return grant_stream(code, actor=actor, target=row.pk, params=asked, node=row.node)[1]

    secret = await sync_to_async(giving_back(ticket))()
    return await connect(f"{settings.RUN_ROOT}/agent/stream", secret)


async def _whole(stream: Stream) -> list[dict[str, Any]]:
    """Return all that a stream has. Raises Unavailable where it has nothing."""
    try:
        found = [sample async for sample in stream.samples()]
    finally:
        await stream.close()
    if not found:
        raise Unavailable("the node agent had nothing to tell")
    return found


async def _lines(stream: Stream, look: Look) -> AsyncIterator[bytes]:
    """Yield a line for each sample; a slow reader gets the newest. An error cuts the connection."""
    watch = asyncio.create_task(hang_up_when_forbidden(stream, look))
    try:
        async with aclosing(newest(stream.samples())) as samples:
            async for sample in samples:
                yield json.dumps(sample, separators=(",", ":")).encode() + b"\n"
    finally:
        watch.cancel()
        await stream.close()


stats = route(GET=_stats)
top = route(GET=_top)
