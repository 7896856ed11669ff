"""The team's events, each once and in order, and a heartbeat with the newest number."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action
from panel.database.sharing import in_thread
from panel.eventlog.models import Event
from panel.eventlog.notices import heard
from panel.eventlog.since import Gone, read_on
from panel.live.sockets import Socket

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
        async with heard(lambda notice: notice.get("team") == self.actor.team_id) as changed:
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
            page = await in_thread(read_on)(seq, team_id=self.actor.team_id)
            for event in page.events:
                await self.tell(message(event))
            seq = page.seq
            if not page.more:
                return seq


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
