"""A slow reader gets what is newest, a fast one gets all, and both get the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from runtime.errors import Conflict
from runtime.streams.newest import newest


async def counted(upto: int, *, pause: float = 0.0) -> AsyncIterator[int]:
    for number in range(upto):
        await asyncio.sleep(pause)
        yield number


async def test_a_fast_reader_misses_nothing() -> None:
    assert [one async for one in newest(counted(5, pause=0.005))] == [0, 1, 2, 3, 4]


async def test_a_slow_reader_gets_the_newest_and_the_last() -> None:
    seen = []
    async for number in newest(counted(1000)):
        seen.append(number)
        await asyncio.sleep(0.05)

    assert seen[-1] == 999
    assert len(seen) <= 3


async def test_what_goes_wrong_comes_after_the_last_record() -> None:
    async def failing() -> AsyncIterator[int]:
        yield 1
        raise Conflict("it ended")

    samples = newest(failing())

    assert await anext(samples) == 1
    with pytest.raises(Conflict, match="it ended"):
        await anext(samples)


async def test_nothing_is_nothing() -> None:
    assert [one async for one in newest(counted(0))] == []


async def test_a_reader_that_leaves_ends_the_source() -> None:
    ended = asyncio.Event()

    async def endless() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
                await asyncio.sleep(0)
        finally:
            ended.set()

    samples = newest(endless())
    assert await anext(samples) == 1
    await samples.aclose()

    await asyncio.wait_for(ended.wait(), 3)
