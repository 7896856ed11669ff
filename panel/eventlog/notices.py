"""Hear what is announced: one subscription for each event loop, shared by all who listen.

A subscription of its own for each listener would come too late for short waits: the PubSub layer
looks for new ones ten times a second while it has none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer
from redis import RedisError

from panel.eventlog.broadcast import GROUP

AGAIN_SECONDS = 1.0

Wanted = Callable[[Mapping[str, Any]], bool]
logger = logging.getLogger(__name__)


@asynccontextmanager
async def heard(wanted: Wanted) -> AsyncIterator[asyncio.Event]:
    """Set the event at each notice that is `wanted`, from here on.

    Never for a while where the broker is away, so look at the log or the row now and then.
    """
    happened = asyncio.Event()
    hub = _hub()
    listener = (wanted, happened)
    hub.listeners.append(listener)
    try:
        await hub.tried.wait()
        yield happened
    finally:
        hub.listeners.remove(listener)


class _Hub:
    """The subscription of one event loop, for as long as that runs."""

    def __init__(self) -> None:
        self.listeners: list[tuple[Wanted, asyncio.Event]] = []
        self.tried = asyncio.Event()
        self.task = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        while True:
            try:
                await self._hear()
            except (RedisError, OSError) as away:
                logger.warning("notices are not heard: %s", away)
            finally:
                self.tried.set()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _hear(self) -> None:
        layer: Any = get_channel_layer()
        channel = await layer.new_channel()
        try:
            await layer.group_add(GROUP, channel)
            self.tried.set()
            while True:
                self._tell(await layer.receive(channel))
        finally:
            await layer.group_discard(GROUP, channel)

    def _tell(self, notice: Mapping[str, Any]) -> None:
        for wanted, happened in self.listeners:
            if wanted(notice):
                happened.set()


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, _Hub] = WeakKeyDictionary()


def _hub() -> _Hub:
    loop = asyncio.get_running_loop()
    hub = _hubs.get(loop)
    if hub is None or hub.task.done():
        hub = _hubs[loop] = _Hub()
    return hub
