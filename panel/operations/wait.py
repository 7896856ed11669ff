"""Hold until an operation is over, for deliverers that answer late."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from asgiref.sync import sync_to_async

from panel.database.sharing import Moment, giving_back
from panel.eventlog.notices import heard
from panel.operations.models import UNFINISHED, Operation, Status

ENDINGS = frozenset(f"operation.{status}" for status in Status if status not in UNFINISHED)
"""The kinds of events by which an operation is over."""
POLL_SECONDS = 0.5
LONGEST_POLL_SECONDS = 3.0
"""Notices may be lost, so the row is looked at anyway, ever more seldom."""


async def wait_for(operation: str, seconds: float) -> Operation:
    """Return the operation once it is over, or as it is after `seconds`.

    No connection to the database is held meanwhile, but for a moment in the beginning. Raises
    Operation.DoesNotExist.
    """
    if seconds <= 0:
        return await sync_to_async(_read)(operation)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds

    def ends(notice: Mapping[str, Any]) -> bool:
        return notice.get("operation") == operation and not ENDINGS.isdisjoint(notice["kinds"])

    pause = POLL_SECONDS
    with Moment() as moment:
        async with heard(ends) as noticed:
            while True:
                noticed.clear()
                keep = moment.left
                row = await sync_to_async(_read if keep else giving_back(_read))(operation)
                left = deadline - loop.time()
                if row.status not in UNFINISHED or left <= 0:
                    return row
                with suppress(TimeoutError):
                    await asyncio.wait_for(noticed.wait(), min(left, keep or pause))
                if not keep:
                    pause = min(pause * 1.5, LONGEST_POLL_SECONDS)


def _read(operation: str) -> Operation:
    return Operation.objects.select_related("team").defer("params").get(pk=operation)
