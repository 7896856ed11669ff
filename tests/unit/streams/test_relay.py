"""A session's packets on their way through a server, both ways at once."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime import dialogue
from runtime.dialogue import CHUNK, LARGEST, Acknowledge, Exit, Input, Output, Word
from runtime.errors import Unavailable
from runtime.streams.client import open_stream
from runtime.streams.frames import BadFrame, FrameKind, pack
from runtime.streams.server import Conversation, HungUp, ServerOptions, StreamServer


class Line:
    """The session's end of what a server relays, and how the relaying ended."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.settimeout(10)
        self.over = threading.Event()
        self.ended = threading.Event()
        self.fault: Exception | None = None

        def serve(_: str, conversation: Conversation) -> None:
            conversation.ready()
            try:
                with theirs:
                    conversation.converse(theirs, self.over.is_set)
                conversation.end({})
            except (HungUp, BadFrame) as fault:
                self.fault = fault
                raise
            finally:
                self.ended.set()

        options = ServerOptions(path=path, group=os.getgid(), uids=frozenset({os.getuid()}))
        self.server = StreamServer(options, serve)
        self.server.start()

    def say(self, word: Word) -> None:
        self.ours.send(dialogue.encode(word))

    def hear(self) -> Word:
        return dialogue.decode(self.ours.recv(LARGEST + 1))


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    made = Line(str(tmp_path / "stream"))
    yield made
    made.server.stop()
    made.ours.close()


async def test_words_go_both_ways_until_the_session_hangs_up(line: Line) -> None:
    async with open_stream(line.path, "any") as stream:
        await stream.say(Input(b"hello"))
        assert await asyncio.to_thread(line.hear) == Input(b"hello")
        line.say(Output(offset=2, stream=1, data=b"hi"))
        line.say(Exit(0))
        line.ours.shutdown(socket.SHUT_RDWR)

        assert [word async for word in stream.words()] == [
            Output(offset=2, stream=1, data=b"hi"),
            Exit(0),
        ]


async def test_a_client_that_leaves_ends_it(line: Line) -> None:
    async with open_stream(line.path, "any") as stream:
        await stream.say(Input(b"last words"))

    assert await asyncio.to_thread(line.hear) == Input(b"last words")
    assert await asyncio.to_thread(line.ours.recv, 1) == b""
    assert await asyncio.to_thread(line.ended.wait, 10)
    assert isinstance(line.fault, HungUp)


async def test_output_that_is_stuck_does_not_hold_input_up(line: Line) -> None:
    async with open_stream(line.path, "any") as stream:
        line.ours.setblocking(False)
        sent = 0
        for _ in range(200):
            try:
                line.say(Output(offset=sent + CHUNK, stream=1, data=bytes(CHUNK)))
                sent += CHUNK
            except BlockingIOError:
                await asyncio.sleep(0.01)
        line.ours.setblocking(True)
        line.ours.settimeout(10)
        assert sent < 200 * CHUNK

        await stream.say(Input(b"\x03"))
        assert await asyncio.to_thread(line.hear) == Input(b"\x03")

        got = 0
        async for word in stream.words():
            assert isinstance(word, Output)
            got += len(word.data)
            if got == sent:
                break
        assert got == sent


async def test_much_goes_through_in_both_directions_at_once(line: Line) -> None:
    count = 300

    def session() -> int:
        heard = 0
        for number in range(1, count + 1):
            line.say(Output(offset=number * CHUNK, stream=1, data=bytes(CHUNK)))
            word = line.hear()
            assert isinstance(word, Input | Acknowledge)
            heard += 1
        line.ours.shutdown(socket.SHUT_RDWR)
        return heard

    async with open_stream(line.path, "any") as stream:
        running = asyncio.create_task(asyncio.to_thread(session))
        total = 0
        async for word in stream.words():
            assert isinstance(word, Output)
            total += len(word.data)
            await stream.say(Input(bytes(CHUNK)))
        assert await running == count

    assert total == count * CHUNK


async def test_a_server_that_stops_ends_it(line: Line) -> None:
    async with open_stream(line.path, "any") as stream:
        line.over.set()

        assert [word async for word in stream.words()] == []


async def test_a_frame_that_has_no_place_there_is_refused(line: Line) -> None:
    async with open_stream(line.path, "any") as stream:
        stream._writer.write(pack(FrameKind.UPLOAD, b"x"))
        with pytest.raises(Unavailable, match="expected WORD"):
            [word async for word in stream.words()]
