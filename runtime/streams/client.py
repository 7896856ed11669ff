"""Open a stream of the node's agent from an event loop. Never blocks it, imports no engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from runtime import dialogue
from runtime.dialogue import Word
from runtime.errors import RuntimeFault, Unavailable
from runtime.events import LogFrame
from runtime.streams import faults
from runtime.streams.frames import (
    CHUNK,
    HEADER,
    FrameKind,
    expect,
    pack,
    pack_json,
    parse_header,
    parse_json,
    parse_log,
    split,
)

OPEN_TIMEOUT_SECONDS = 10.0
READ = 4 * CHUNK
"""Bytes that one read of a log stream takes at most."""


class Stream:
    """One open stream. A reader that does not read stalls only the agent's thread for it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._answer: asyncio.Task[dict[str, Any]] | None = None

    async def logs(self) -> AsyncIterator[LogFrame]:
        """Yield log chunks until the agent says END. Raises the RuntimeFault that it reports.

        Unavailable when the connection is cut: resume with the offset of the last chunk.
        """
        async for batch in self.log_batches():
            for frame in batch:
                yield frame

    async def log_batches(self) -> AsyncIterator[list[LogFrame]]:
        """Yield what `logs` would, by the batch: the chunks that have arrived, at least one."""
        rest = b""
        while True:
            received, rest = split(rest + await self._receive_some())
            batch = []
            for kind, payload in received:
                expect(kind, FrameKind.LOG, FrameKind.END, FrameKind.FAULT)
                if kind is FrameKind.LOG:
                    batch.append(parse_log(payload))
                    continue
                if batch:
                    yield batch
                if kind is FrameKind.END:
                    return
                raise faults.from_json(parse_json(payload))
            if batch:
                yield batch

    async def samples(self) -> AsyncIterator[dict[str, Any]]:
        """Yield samples until the agent says END. Raises as `logs` does."""
        async for payload in self._payloads(FrameKind.SAMPLE):
            yield parse_json(payload)

    async def words(self) -> AsyncIterator[Word]:
        """Yield what a session says until it hangs up. Raises the RuntimeFault that is reported."""
        async for payload in self._payloads(FrameKind.WORD):
            yield dialogue.decode(payload)

    async def say(self, word: Word) -> None:
        """Say something to a session. Raises Unavailable when the connection is cut."""
        self._writer.write(pack(FrameKind.WORD, dialogue.encode(word)))
        await self._drain()

    async def _payloads(self, wanted: FrameKind) -> AsyncIterator[bytes]:
        """Yield what frames of one kind carry until END. Raises the RuntimeFault of a FAULT."""
        rest = b""
        while True:
            received, rest = split(rest + await self._receive_some())
            for kind, payload in received:
                expect(kind, wanted, FrameKind.END, FrameKind.FAULT)
                if kind is FrameKind.END:
                    return
                if kind is FrameKind.FAULT:
                    raise faults.from_json(parse_json(payload))
                yield payload

    async def upload(self, chunk: bytes) -> None:
        """Send the next bytes of an upload, no faster than the agent stores them.

        Raises the RuntimeFault with which the agent ends the upload early.
        """
        answer = self._expect_answer()
        for begin in range(0, len(chunk), CHUNK):
            if answer.done():
                await answer
            self._writer.write(pack(FrameKind.UPLOAD, chunk[begin : begin + CHUNK]))
            await self._drain()

    async def finish(self) -> dict[str, Any]:
        """Say that the upload is complete and return what the agent stored."""
        answer = self._expect_answer()
        if not answer.done():
            self._writer.write(pack_json(FrameKind.END, {}))
            await self._drain()
        return await answer

    async def close(self) -> None:
        """Hang up; an upload that is not finished is discarded by the agent."""
        if self._answer is not None:
            self._answer.cancel()
            with suppress(asyncio.CancelledError, RuntimeFault):
                await self._answer
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def redeem(self, ticket: str) -> None:
        """Show `ticket`. Raises the RuntimeFault with which the agent refuses it."""
        self._writer.write(pack_json(FrameKind.OPEN, {"ticket": ticket}))
        await self._drain()
        kind, _ = await self._receive()
        expect(kind, FrameKind.READY)

    def _expect_answer(self) -> asyncio.Task[dict[str, Any]]:
        """Listen for the one answer of an upload while it is still being sent."""
        if self._answer is None:
            self._answer = asyncio.create_task(self._receive_answer())
        return self._answer

    async def _receive_answer(self) -> dict[str, Any]:
        kind, payload = await self._receive()
        expect(kind, FrameKind.END)
        return parse_json(payload)

    async def _drain(self) -> None:
        """Wait until the socket takes more; a refusal that came meanwhile is the better error."""
        try:
            await self._writer.drain()
        except OSError as error:
            if self._answer is not None:
                await self._answer
            raise Unavailable("the node agent hung up") from error

    async def _receive_some(self) -> bytes:
        try:
            received = await self._reader.read(READ)
        except OSError as error:
            raise Unavailable("the node agent hung up") from error
        if not received:
            raise Unavailable("the node agent hung up")
        return received

    async def _receive(self) -> tuple[FrameKind, bytes]:
        try:
            kind, length = parse_header(await self._reader.readexactly(HEADER.size))
            payload = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise Unavailable("the node agent hung up") from error
        if kind is FrameKind.FAULT:
            raise faults.from_json(parse_json(payload))
        return kind, payload


@asynccontextmanager
async def open_stream(
    path: str, ticket: str, *, timeout_seconds: float = OPEN_TIMEOUT_SECONDS
) -> AsyncIterator[Stream]:
    """Open the stream that `ticket` grants on the socket `path`; closed when the block ends.

    Raises Unavailable when the agent does not answer, and the RuntimeFault that it refuses with.
    """
    stream = await connect(path, ticket, timeout_seconds=timeout_seconds)
    try:
        yield stream
    finally:
        await stream.close()


async def connect(
    path: str, ticket: str, *, timeout_seconds: float = OPEN_TIMEOUT_SECONDS
) -> Stream:
    """Open the stream that `ticket` grants; the caller closes it. Raises like `open_stream`."""
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_unix_connection(path, limit=CHUNK)
            return await _redeemed(Stream(reader, writer), ticket)
    except (OSError, TimeoutError) as error:
        raise Unavailable(f"the node agent does not answer: {error or 'timed out'}") from error


async def _redeemed(stream: Stream, ticket: str) -> Stream:
    try:
        await stream.redeem(ticket)
    except BaseException:
        await stream.close()
        raise
    return stream
