"""The team's events, each once and in order, and a heartbeat with the newest number."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from channels.layers import get_channel_layer
from redis import RedisError

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action
from panel.eventlog.broadcast import GROUP
from panel.eventlog.models import Event
from panel.eventlog.since import PAGE, Gone, newest, since
from panel.live.sockets import Socket, in_thread

HEARTBEAT_SECONDS = 5.0
SLOW_SECONDS = 20.0
"""A reader that takes nothing for so long is sent away."""


class Events(Socket):
    """Registers for notices first and reads the log then, so nothing falls between."""

    action = Action.EVENT_VIEW

    async def admits(self, actor: Actor) -> bool:  # noqa: ARG002  # as in Socket
        """Everybody has the events of the own team."""
        return True

    async def run(self) -> None:
        """Send what the log has after `?since=`, then whatever comes."""
        seq = self.number("since")
        async with self._notices() as changed:
            due = 0.0
            while True:
                changed.clear()
                seq = await self._send_after(seq)
                if time.monotonic() >= due:
                    due = time.monotonic() + HEARTBEAT_SECONDS
                    await self.tell({"type": "heartbeat", "seq": seq})
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), max(due - time.monotonic(), 0))

    async def tell(self, message: dict[str, Any]) -> None:
        """Send one message. Raises Gone to a reader that is too slow: it has to fetch again."""
        try:
            async with asyncio.timeout(SLOW_SECONDS):
                await super().tell(message)
        except TimeoutError:
            raise Gone("too slow: fetch again") from None

    async def _send_after(self, seq: int) -> int:
        """Send the events after `seq` and return the number up to which all are sent."""
        while True:
            top: int = await in_thread(newest)()
            page = await in_thread(since)(seq, team_id=self.actor.team_id)
            for event in page:
                await self.tell(message(event))
                seq = event.seq
            if len(page) < PAGE:
                return max(seq, top)

    @asynccontextmanager
    async def _notices(self) -> AsyncIterator[asyncio.Event]:
        """Set the event whenever the team's log grew, from here on.

        Without a broker it never is: the heartbeat's pace is left.
        """
        changed = asyncio.Event()
        layer: Any = get_channel_layer()
        try:
            channel = await layer.new_channel()
            await layer.group_add(GROUP, channel)
        except (RedisError, OSError):
            yield changed
            return
        listener = asyncio.create_task(self._listen(layer, channel, changed))
        try:
            yield changed
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
            await layer.group_discard(GROUP, channel)

    async def _listen(self, layer: Any, channel: str, changed: asyncio.Event) -> None:
        while True:
            notice = await layer.receive(channel)
            if notice.get("team") == self.actor.team_id:
                changed.set()


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
