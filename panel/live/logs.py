"""A container's output: resumable by offset, never more than 1 MiB that is not acknowledged."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from panel.accounts.permissions import Action
from panel.database.sharing import in_thread
from panel.live.sockets import CLOSED_BAD_REQUEST, ContainerSocket
from panel.operations import kinds
from panel.operations.submit import grant_stream
from runtime.events import LogFrame
from runtime.streams.client import open_stream

IN_FLIGHT_BYTES = 1024 * 1024


class Logs(ContainerSocket):
    """Sends `chunk` messages, then `end`; the client answers each with `{"ack": offset}`."""

    action = Action.CONTAINER_LOGS

    async def run(self) -> None:
        """Follow the output from `?offset=`, or from its last `?tail=` lines.

        No faster than the client acknowledges it.
        """
        offset, tail = self.number("offset"), self.number("tail")
        self._acknowledged = self._sent = offset
        self._credit = asyncio.Event()
        _, ticket = await in_thread(grant_stream)(
            kinds.CONTAINER_LOGS.code,
            actor=self.actor,
            target=self.container.pk,
            params={"offset": offset, "tail": tail or None, "follow": True},
        )
        path = f"{settings.RUN_ROOT}/agent/stream"
        async with open_stream(path, ticket) as stream:
            async for frame in stream.logs():
                if tail and self._sent == 0:
                    # Where the last lines begin is known only now.
                    self._acknowledged = self._sent = frame.offset - len(frame.data)
                await self._wait_for_credit(len(frame.data))
                self._sent = frame.offset
                await self.tell(chunk(frame))
        await self.tell({"type": "end"})
        await self.close(code=1000)

    async def receive(
        self,
        text_data: str | None = None,
        bytes_data: bytes | None = None,  # noqa: ARG002  # channels' signature
    ) -> None:
        """Take an acknowledgement; anything else is a mistake of the client's and ends it."""
        try:
            offset = json.loads(text_data or "")["ack"]
        except (ValueError, KeyError, TypeError):
            offset = None
        if isinstance(offset, bool) or not isinstance(offset, int):
            await self.close(code=CLOSED_BAD_REQUEST, reason='expected {"ack": offset}')
            return
        self._acknowledged = max(self._acknowledged, min(offset, self._sent))
        self._credit.set()

    async def _wait_for_credit(self, size: int) -> None:
        while self._sent > self._acknowledged and (
            self._sent + size - self._acknowledged > IN_FLIGHT_BYTES
        ):
            self._credit.clear()
            await self._credit.wait()


def chunk(frame: LogFrame) -> dict[str, Any]:
    """Return the message for one chunk; bytes that are not UTF-8 travel as base64."""
    message: dict[str, Any] = {
        "type": "chunk",
        "stream": frame.stream,
        "time": datetime.fromtimestamp(frame.time_ns / 1e9, UTC).isoformat(),
        "offset": frame.offset,
    }
    try:
        message["data"] = frame.data.decode()
    except UnicodeDecodeError:
        message |= {"data": base64.b64encode(frame.data).decode(), "base64": True}
    if frame.gap:
        message["gap"] = frame.gap
    return message
