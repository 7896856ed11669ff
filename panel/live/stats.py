"""What a container uses, as it comes; a reader that is slow skips samples."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings

from panel.accounts.permissions import Action
from panel.database.sharing import in_thread
from panel.eventlog.since import Gone
from panel.live.sockets import ContainerSocket
from panel.operations import kinds
from panel.operations.submit import grant_stream
from runtime.errors import InvalidSpec
from runtime.streams.client import open_stream
from runtime.streams.newest import newest

DEFAULT_INTERVAL = "1"
SLOW_SECONDS = 20.0
"""A reader that takes nothing for so long is sent away."""


class Stats(ContainerSocket):
    """Sends `sample` messages every `?interval=` seconds, then `end` when it runs no more."""

    action = Action.CONTAINER_VIEW

    async def run(self) -> None:
        """Send the newest sample whenever the reader takes one."""
        _, ticket = await in_thread(grant_stream)(
            kinds.CONTAINER_STATS.code,
            actor=self.actor,
            target=self.container.pk,
            params={"interval_seconds": self._interval()},
        )
        async with (
            open_stream(f"{settings.RUN_ROOT}/agent/stream", ticket) as stream,
            aclosing(newest(stream.samples())) as samples,
        ):
            async for sample in samples:
                await self.tell({"type": "sample", **sample})
        await self.tell({"type": "end"})
        await self.close(code=1000)

    async def tell(self, message: dict[str, Any]) -> None:
        """Send one message. Raises Gone to a reader that is too slow."""
        try:
            async with asyncio.timeout(SLOW_SECONDS):
                await super().tell(message)
        except TimeoutError:
            raise Gone("too slow: open it again") from None

    def _interval(self) -> float:
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        text = query.get("interval", [DEFAULT_INTERVAL])[-1]
        try:
            return float(text)
        except ValueError:
            raise InvalidSpec("interval", f"{text!r} is not a number of seconds") from None
