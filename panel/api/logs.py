"""A container's output over plain HTTP, carried from the node's agent chunk by chunk."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.dateparse import parse_datetime

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action
from panel.accounts.standing import Look, until_forbidden
from panel.api.door import flag, route, standing, whole
from panel.database.sharing import giving_back
from panel.inventory.queries import find_container
from panel.operations import kinds
from panel.operations.submit import grant_stream
from runtime.errors import InvalidSpec, Unavailable
from runtime.events import LogFrame
from runtime.streams.client import Stream, connect

NDJSON = "application/x-ndjson"
LARGEST_OFFSET = (1 << 63) - 1

logger = logging.getLogger(__name__)


async def _logs(request: HttpRequest, actor: Actor, container: str) -> HttpResponseBase:
    asked = _asked(request)
    ticket = await sync_to_async(giving_back(_ticket))(actor, container, asked)
    stream = await connect(f"{settings.RUN_ROOT}/agent/stream", ticket)
    look = standing(request, actor, Action.CONTAINER_LOGS)
    lines = NDJSON in request.headers.get("Accept", "")
    response = StreamingHttpResponse(
        _relayed(stream, look, _lines if lines else _raw),
        content_type=NDJSON if lines else "text/plain; charset=utf-8",
    )
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _asked(request: HttpRequest) -> dict[str, Any]:
    since = request.GET.get("since")
    offset, since_ns = 0, None
    if since is not None and since.startswith("offset:"):
        number = since.removeprefix("offset:")
        if not number.isascii() or not number.isdecimal() or int(number[:20]) > LARGEST_OFFSET:
            raise InvalidSpec("since", f"{since!r} is not offset: and a whole number")
        offset = int(number)
    elif since is not None:
        since_ns = _nanoseconds(since)
    return {
        "offset": offset,
        "since_ns": since_ns,
        "tail": whole(request, "tail", None, 10**9),
        "follow": flag(request, "follow"),
    }


def _nanoseconds(text: str) -> int:
    try:
        time = parse_datetime(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise InvalidSpec("since", f"{text!r} is neither an RFC 3339 time nor offset:N")
    return max(0, int(time.timestamp() * 1_000_000) * 1000)


def _ticket(actor: Actor, container: str, asked: dict[str, Any]) -> str:
    row = find_container(actor.team_id, container)
    _, ticket = grant_stream(
        kinds.CONTAINER_LOGS.code, actor=actor, target=row.pk, params=asked, node=row.node
    )
    return ticket


async def _relayed(
    stream: Stream, look: Look, show: Callable[[list[LogFrame]], bytes]
) -> AsyncIterator[bytes]:
    """Yield the output. An error cuts the connection: the answer must not look complete."""
    watch = asyncio.create_task(hang_up_when_forbidden(stream, look))
    try:
        async for batch in stream.log_batches():
            yield show(batch)
    finally:
        watch.cancel()
        await stream.close()


async def hang_up_when_forbidden(stream: Stream, look: Look) -> None:
    """Close the stream once its reader may no longer read, or nobody can say whether they may."""
    try:
        await until_forbidden(look)
    except Unavailable as fault:
        logger.warning("nobody can say whether a reader still may read: %s", fault)
    await stream.close()


def _raw(batch: list[LogFrame]) -> bytes:
    return b"".join(frame.data for frame in batch)


def _lines(batch: list[LogFrame]) -> bytes:
    return b"".join(map(_line, batch))


def _line(frame: LogFrame) -> bytes:
    line: dict[str, Any] = {
        "time": datetime.fromtimestamp(frame.time_ns / 1e9, UTC).isoformat(),
        "stream": frame.stream,
        "offset": frame.offset,
    }
    try:
        line["data"] = frame.data.decode()
    except UnicodeDecodeError:
        line |= {"data": base64.b64encode(frame.data).decode(), "base64": True}
    if frame.gap:
        line["gap"] = frame.gap
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


logs = route(GET=_logs)
