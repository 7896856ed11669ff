"""The team's events, each once and in order, and a heartbeat with the newest number."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from redis import RedisError

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action
from panel.eventlog.broadcast import GROUP
from panel.eventlog.models import Event
from panel.eventlog.since import PAGE, newest, since
from panel.live.sockets import Socket

HEARTBEAT_SECONDS = 5.0


class Events(Socket):
    """Registers for notices first and reads the log then, so nothing falls between."""

    action = Action.EVENT_VIEW

    async def admits(self, actor: Actor) -> bool:  # noqa: ARG002  # as in Socket
        """Everybody has the events of the own team."""
        return True

    async def run(self) -> None:
        """Send what the log has after `?since=`, then whatever comes."""
        seq = self.number("since")
        self._changed = asyncio.Event()
        listener = asyncio.create_task(self._listen())
        due = time.monotonic()
        try:
            while True:
                self._changed.clear()
                seq = await self._send_after(seq)
                if time.monotonic() >= due:
                    due = time.monotonic() + HEARTBEAT_SECONDS
                    await self.tell({"type": "heartbeat", "seq": seq})
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), max(due - time.monotonic(), 0))
        finally:
            listener.cancel()

    async def _send_after(self, seq: int) -> int:
        """Send the events after `seq` and return the number up to which all are sent."""
        while True:
            top = await database_sync_to_async(newest)()
            page = await database_sync_to_async(since)(seq, team_id=self.actor.team_id)
            for event in page:
                await self.tell(message(event))
                seq = event.seq
            if len(page) < PAGE:
                return max(seq, top)

    async def _listen(self) -> None:
        """Set the flag whenever the log grew; without a broker the heartbeat's pace is left."""
        layer: Any = get_channel_layer()
        try:
            channel = await layer.new_channel()
            await layer.group_add(GROUP, channel)
            while True:
                notice = await layer.receive(channel)
                if notice.get("team") == self.actor.team_id:
                    self._changed.set()
        except (RedisError, OSError):
            return


def message(event: Event) -> dict[str, Any]:
    """Return the message for one event."""
    return {"type": "event", **plain(event)}


def plain(event: Event) -> dict[str, Any]:
    """Return an event as the REST API and the sockets tell it."""
    return {
        "seq": event.seq,
        "kind": event.kind,
        "container": event.container,
        "version": event.version,
        "operation": event.operation,
        "time": event.time.isoformat(),
        "payload": event.payload,
    }
