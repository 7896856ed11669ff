"""Events as NDJSON: what is there, or with `?follow=1` what comes too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

from panel.accounts.actors import Actor, current
from panel.accounts.permissions import Action, may, require
from panel.api import present
from panel.api.door import flag, route, whole
from panel.api.logs import NDJSON
from panel.eventlog.models import Event
from panel.eventlog.since import Page, read_on
from runtime.errors import RuntimeFault

POLL_SECONDS = 0.5


async def _events(request: HttpRequest, actor: Actor) -> HttpResponseBase:
    require(actor, Action.EVENT_VIEW)
    seq = whole(request, "since", None, (1 << 63) - 1)
    first = await sync_to_async(read_on)(seq, team_id=actor.team_id)
    follow = flag(request, "follow")
    return StreamingHttpResponse(_lines(actor, first, follow), content_type=NDJSON)


async def _lines(actor: Actor, page: Page, follow: bool) -> AsyncIterator[bytes]:
    """Yield the page and what follows it; a follower whose right is gone is let go."""
    while True:
        for event in page.events:
            yield json.dumps(_plain(event), separators=(",", ":")).encode() + b"\n"
        if not page.more:
            if not follow:
                return
            await asyncio.sleep(POLL_SECONDS)
            if not may(await sync_to_async(current)(actor), Action.EVENT_VIEW):
                return
        try:
            page = await sync_to_async(read_on)(page.seq, team_id=actor.team_id)
        except RuntimeFault:
            return


def _plain(event: Event) -> dict[str, object]:
    return {
        "seq": event.seq,
        "kind": event.kind,
        "container": event.container,
        "version": event.version,
        "operation": event.operation,
        "time": present.moment(event.time),
        "payload": event.payload,
    }


events = route(GET=_events)
