"""Whether somebody may go on with what is open for long: looked at again until its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from django.db import Error

from panel.accounts.permissions import NotAllowed
from runtime.errors import Unavailable

CHECK_SECONDS = 4.0
FAILED_LOOKS = 2

Answer = TypeVar("Answer")
Look = Callable[[], Awaitable[bool]]
"""Says whether somebody still may; lets the database's errors through."""


class Tolerance:
    """Lets one look fail on the database, and not two in a row."""

    def __init__(self) -> None:
        self._failed = 0

    async def of(self, look: Awaitable[Answer]) -> Answer | None:
        """Return what the look found, None where it failed. Raises Unavailable at the second."""
        try:
            found = await look
        except Error:
            self._failed += 1
            if self._failed >= FAILED_LOOKS:
                raise Unavailable("the database is busy; try again") from None
            return None
        self._failed = 0
        return found


async def until_forbidden(may_go_on: Look) -> None:
    """Return once a look says no. Raises Unavailable where nobody could say it twice in a row."""
    tolerance = Tolerance()
    allowed: bool | None = True
    while allowed is not False:
        await asyncio.sleep(CHECK_SECONDS)
        allowed = await tolerance.of(may_go_on())


async def while_allowed(work: Coroutine[Any, Any, Answer], may_go_on: Look) -> Answer:
    """Return what `work` comes to; end it where its reader may no longer have that.

    Raises NotAllowed then, and Unavailable as `until_forbidden`.
    """
    working = asyncio.create_task(work)
    watching = asyncio.create_task(until_forbidden(may_go_on))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        watching.result()
        raise NotAllowed("no longer allowed")
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)
