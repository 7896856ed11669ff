"""Hold until an operation is over, for deliverers that answer late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from channels.layers import get_channel_layer
from redis import RedisError

from panel.eventlog.broadcast import GROUP
from panel.operations.models import UNFINISHED, Operation

POLL_SECONDS = 0.5
"""Notices may be lost, so the row is looked at this often anyway."""


async def wait_for(operation: str, seconds: float) -> Operation:
    """Return the operation once it is over, or as it is after `seconds`.

    Raises Operation.DoesNotExist.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    row = await _read(operation)
    if row.status not in UNFINISHED or seconds <= 0:
        return row
    async with _notices(operation) as noticed:
        while True:
            row = await _read(operation)
            left = deadline - loop.time()
            if row.status not in UNFINISHED or left <= 0:
                return row
            noticed.clear()
            try:
                await asyncio.wait_for(noticed.wait(), min(left, POLL_SECONDS))
            except TimeoutError:
                continue


async def _read(operation: str) -> Operation:
    return await Operation.objects.select_related("team").aget(pk=operation)


@asynccontextmanager
async def _notices(operation: str) -> AsyncIterator[asyncio.Event]:
    """Set the event whenever the log says something of `operation`; never, without a broker."""
    noticed = asyncio.Event()
    layer: Any = get_channel_layer()
    try:
        channel = await layer.new_channel()
        await layer.group_add(GROUP, channel)
    except (RedisError, OSError):
        yield noticed
        return
    listener = asyncio.create_task(_listen(layer, channel, operation, noticed))
    try:
        yield noticed
    finally:
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)
        await layer.group_discard(GROUP, channel)


async def _listen(layer: Any, channel: str, operation: str, noticed: asyncio.Event) -> None:
    while True:
        notice = await layer.receive(channel)
        if notice.get("operation") == operation:
            noticed.set()
