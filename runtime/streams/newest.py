"""For whoever wants to know how things are now, not each step of how they became so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

Record = TypeVar("Record")


async def newest(records: AsyncIterator[Record]) -> AsyncGenerator[Record, None]:
    """Yield records as they come; who takes long gets the newest, and misses those before it.

    So no more than one ever waits. Raises what `records` raise, after the last one.
    """
    waiting: list[Record] = []
    fresh = asyncio.Event()

    async def take() -> None:
        try:
            async for record in records:
                waiting[:] = [record]
                fresh.set()
        finally:
            fresh.set()

    taking = asyncio.create_task(take())
    try:
        while True:
            while not waiting and not taking.done():
                fresh.clear()
                await fresh.wait()
            if not waiting:
                break
            yield waiting.pop()
        taking.result()
    finally:
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
