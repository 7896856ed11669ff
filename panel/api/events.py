"""Events as NDJSON: what is there, or with `?follow=1` what comes too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action, NotAllowed, require
from panel.accounts.standing import Look, Tolerance
from panel.api import present
from panel.api.door import flag, route, standing, whole
from panel.api.logs import NDJSON
from panel.database.sharing import giving_back
from panel.eventlog.models import Event
from panel.eventlog.notices import heard
from panel.eventlog.since import Gone, Page, read_on

POLL_SECONDS = 2.0
"""Notices may be lost, so the log is looked at this often anyway."""
GATHER_SECONDS = 0.1
"""A busy team's events are read a few at a time, not each with a look of its own."""


async def _events(request: HttpRequest, actor: Actor) -> HttpResponseBase:
    require(actor, Action.EVENT_VIEW)
    seq = whole(request, "since", None, (1 << 63) - 1)
    first = await sync_to_async(giving_back(read_on))(seq, team_id=actor.team_id)
    look = standing(request, actor, Action.EVENT_VIEW) if flag(request, "follow") else None
    return StreamingHttpResponse(_lines(actor, first, look), content_type=NDJSON)


async def _lines(actor: Actor, page: Page, look: Look | None) -> AsyncIterator[bytes]:
    """Yield the page and what follows it; a follower whose right is gone is let go.

    A follower is who brings a `look`. Raises Unavailable, which cuts the connection, where the
    database fails twice in a row.
    """
    tolerance = Tolerance()
    async with heard(lambda notice: notice.get("team") == actor.team_id) as changed:
        while True:
            for event in page.events:
                yield json.dumps(_plain(event), separators=(",", ":")).encode() + b"\n"
            if not page.more:
                if look is None:
                    return
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), POLL_SECONDS)
                await asyncio.sleep(GATHER_SECONDS)
            changed.clear()
            try:
                following = await tolerance.of(_following(actor, page, look))
            except (Gone, NotAllowed):
                return
            page = following or replace(page, events=[])


async def _following(actor: Actor, page: Page, look: Look | None) -> Page:
    """Return what came after `page`. Raises NotAllowed where the actor may no longer know."""
    if look is not None and not await look():
        raise NotAllowed("no longer allowed")
    return await sync_to_async(giving_back(read_on))(page.seq, team_id=actor.team_id)


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
