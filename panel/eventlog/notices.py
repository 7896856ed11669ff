"""Hear what is announced: one subscription for each event loop, shared by all who listen.

A subscription of its own for each listener would come too late for short waits: the PubSub layer
looks for new ones ten times a second while it has none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer
from redis import RedisError

from panel.eventlog.broadcast import GROUP

AGAIN_SECONDS = 1.0
FIRST_SECONDS = 1.0
"""How long a listener waits at most for the subscription of a process that just started."""

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
        with suppress(TimeoutError):
            await asyncio.wait_for(hub.tried.wait(), FIRST_SECONDS)
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
            layer: Any = get_channel_layer()
            try:
                await self._hear(layer)
            except (RedisError, OSError) as away:
                logger.warning("notices are not heard: %s", away)
            except Exception:
                logger.exception("notices are not heard")
            finally:
                self.tried.set()
            with suppress(RedisError, OSError):
                await layer.flush()  # nobody else in this loop uses it
            await asyncio.sleep(AGAIN_SECONDS)

    async def _hear(self, layer: Any) -> None:
        channel = await layer.new_channel()
        await layer.group_add(GROUP, channel)
        self.tried.set()
        while True:
            self._tell(await layer.receive(channel))

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
