"""Flow control between sockets and the application: a gate for writing, an inbox for reading."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from panel.server.limits import INBOX_HIGH, INBOX_LOW, INBOX_MESSAGES


@implementer(IPushProducer)
class WriteGate:
    """Closed while the transport holds more than it can send; `passed` waits until it is open.

    Twisted calls the three methods of a push producer; nothing is produced here.
    """

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Close: the transport's buffer is full."""
        self._open.clear()

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Open: the transport's buffer is empty."""
        self._open.set()

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Open for good: the transport is gone and drops what it is given."""
        self._open.set()

    async def passed(self, stall_seconds: float) -> None:
        """Wait until the client took what was written. Raises TimeoutError if it takes nothing."""
        if not self._open.is_set():
            async with asyncio.timeout(stall_seconds):
                await self._open.wait()


class Inbox(asyncio.Queue[dict[str, Any]]):
    """What the application receives. Reading from the socket stops while too much waits in it."""

    def __init__(self, *, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        super().__init__()
        self._pause = pause
        self._resume = resume
        self._bytes = 0
        self._paused = False

    def put_nowait(self, message: dict[str, Any]) -> None:
        """Add `message`, and stop reading if that is enough for now."""
        super().put_nowait(message)
        self._bytes += _size(message)
        if self._bytes > INBOX_HIGH or self.qsize() > INBOX_MESSAGES:
            self._paused = True
            self._pause()

    async def get(self) -> dict[str, Any]:
        """Take the next message, and read on if there is room again."""
        message = await super().get()
        self._bytes -= _size(message)
        if self._paused and self._bytes <= INBOX_LOW and self.qsize() <= INBOX_MESSAGES // 2:
            self._paused = False
            self._resume()
        return message


def _size(message: dict[str, Any]) -> int:
    return len(message.get("body") or message.get("bytes") or message.get("text") or b"")
