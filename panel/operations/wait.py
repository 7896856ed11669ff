"""Hold until an operation is over, for deliverers that answer late."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from panel.eventlog.notices import heard
from panel.operations.models import UNFINISHED, Operation

POLL_SECONDS = 0.5
"""Notices may be lost, so the row is looked at this often anyway."""


async def wait_for(operation: str, seconds: float) -> Operation:
    """Return the operation once it is over, or as it is after `seconds`.

    Raises Operation.DoesNotExist.
    """
    if seconds <= 0:
        return await _read(operation)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    async with heard(lambda notice: notice.get("operation") == operation) as noticed:
        while True:
            noticed.clear()
            row = await _read(operation)
            left = deadline - loop.time()
            if row.status not in UNFINISHED or left <= 0:
                return row
            with suppress(TimeoutError):
                await asyncio.wait_for(noticed.wait(), min(left, POLL_SECONDS))


async def _read(operation: str) -> Operation:
    return await Operation.objects.select_related("team").aget(pk=operation)
