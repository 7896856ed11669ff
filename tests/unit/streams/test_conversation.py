"""A real client and a real server on a Unix socket."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.errors import Conflict, Exhausted, NotFound, Unavailable
from runtime.events import LogFrame
from runtime.streams.client import Stream, connect, open_stream
from runtime.streams.frames import HEADER, FrameKind, pack, pack_json
from runtime.streams.server import Conversation, HungUp, Serve, ServerOptions, StreamServer

StartServer = Callable[..., StreamServer]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "stream")


@pytest.fixture
def start(path: str) -> Iterator[StartServer]:
    servers: list[StreamServer] = []

    def begin(serve: Serve, *, connections: int = 8, stall_seconds: float = 20.0) -> StreamServer:
        options = ServerOptions(
            path=path,
            group=os.getgid(),
            uids=frozenset({os.getuid()}),
            connections=connections,
            stall_seconds=stall_seconds,
        )
        server = StreamServer(options, serve)
        server.start()
        servers.append(server)
        return server

    yield begin
    for server in servers:
        server.stop()


def frame(number: int, data: bytes = b"line\n") -> LogFrame:
    return LogFrame(offset=number, time_ns=number, stream="stdout", data=data)


def three_lines(ticket: str, conversation: Conversation) -> None:
    if ticket != "good":
        raise NotFound("ticket", "shown")
    conversation.ready()
    for number in range(3):
        conversation.log(frame(number))
    conversation.end({})


def until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


async def test_a_ticket_opens_a_stream_that_ends(start: StartServer, path: str) -> None:
    start(three_lines)

    async with open_stream(path, "good") as stream:
        received = [chunk async for chunk in stream.logs()]

    assert received == [frame(0), frame(1), frame(2)]


async def test_chunks_that_were_there_together_travel_together(
    start: StartServer, path: str
) -> None:
    sent = [frame(number, b"x" * (number % 7)) for number in range(10, 2000)]
    sent.append(frame(300_000, b"y" * 200_000))

    def flood(ticket: str, conversation: Conversation) -> None:
        conversation.ready()
        conversation.logs(sent)
        conversation.end({})

    start(flood)

    async with open_stream(path, "good") as stream:
        batches = [batch async for batch in stream.log_batches()]

    assert all(batches)
    assert len(batches) < 100
    received = [chunk for batch in batches for chunk in batch]
    assert received[:-4] == sent[:-1]
    assert b"".join(chunk.data for chunk in received[-4:]) == sent[-1].data
    assert received[-1].offset == 300_000


async def test_samples_come_whole_and_in_order_and_then_the_reason_why_no_more_come(
    start: StartServer, path: str
) -> None:
    sent = [{"number": number, "text": "x" * (number * 100)} for number in range(500)]

    def tell(ticket: str, conversation: Conversation) -> None:
        conversation.ready()
        conversation.samples(sent)
        raise Conflict("it ended")

    start(tell)
    received = []
    with pytest.raises(Conflict, match="it ended"):  # noqa: PT012
        async with open_stream(path, "good") as stream:
            async for sample in stream.samples():
                received.append(sample)

    assert received == sent


async def test_a_refused_ticket_raises_what_the_agent_said(start: StartServer, path: str) -> None:
    start(three_lines)

    with pytest.raises(NotFound, match="ticket"):
        await connect(path, "forged")


async def test_no_agent_means_try_later(path: str) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        await connect(path, "good")


async def test_a_silent_agent_does_not_hold_the_client(start: StartServer, path: str) -> None:
    released = threading.Event()
    start(lambda ticket, conversation: released.wait(5) and None)

    with pytest.raises(Unavailable, match="does not answer"):
        await connect(path, "good", timeout_seconds=0.2)
    released.set()


async def test_a_cut_stream_is_told_from_a_finished_one(start: StartServer, path: str) -> None:
    def cut(ticket: str, conversation: Conversation) -> None:
        conversation.ready()
        conversation.log(frame(1))

    start(cut)

    async with open_stream(path, "good") as stream:
        with pytest.raises(Unavailable, match="hung up"):
            [chunk async for chunk in stream.logs()]


async def test_a_fault_in_the_middle_reaches_the_reader(start: StartServer, path: str) -> None:
    def fail(ticket: str, conversation: Conversation) -> None:
        conversation.ready()
        conversation.log(frame(1))
        raise Conflict("the container is being deleted")

    start(fail)

    async with open_stream(path, "good") as stream:
        chunks = stream.logs()
        assert await anext(chunks) == frame(1)
        with pytest.raises(Conflict, match="being deleted"):
            await anext(chunks)


async def test_an_upload_arrives_whole(start: StartServer, path: str) -> None:
    def count(ticket: str, conversation: Conversation) -> None:
        conversation.ready()
        conversation.end({"size": sum(len(chunk) for chunk in conversation.uploaded())})

    start(count)

    async with open_stream(path, "good") as stream:
        await stream.upload(b"x" * 300_000)
        await stream.upload(b"y")
        answer = await stream.finish()

    assert answer == {"size": 300_001}


async def test_an_upload_that_is_refused_midway_stops_early(start: StartServer, path: str) -> None:
    def refuse(ticket: str, conversation: Conversation) -> None:
        conversation.ready()
        next(conversation.uploaded())
        raise Exhausted("an archive may have 64 KiB")

    start(refuse)

    async def send_all(stream: Stream) -> None:
        for _ in range(1000):
            await stream.upload(b"x" * 65_536)
            await asyncio.sleep(0)

    async with open_stream(path, "good") as stream:
        with pytest.raises(Exhausted, match="64 KiB"):
            await send_all(stream)


def test_an_upload_that_breaks_off_is_never_taken_for_complete(
    start: StartServer, path: str
) -> None:
    seen: list[str] = []

    def store(ticket: str, conversation: Conversation) -> None:
        conversation.ready()
        try:
            for _ in conversation.uploaded():
                pass
        except HungUp:
            seen.append("broken off")
            raise
        seen.append("complete")

    start(store)

    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(path)
        raw.sendall(pack_json(FrameKind.OPEN, {"ticket": "good"}))
        raw.sendall(pack(FrameKind.UPLOAD, b"half"))
        assert raw.recv(HEADER.size)[4] == FrameKind.READY

    assert until(lambda: bool(seen))
    assert seen == ["broken off"]


async def test_a_client_that_leaves_ends_the_follow_promptly(start: StartServer, path: str) -> None:
    left = threading.Event()

    def follow(ticket: str, conversation: Conversation) -> None:
        conversation.ready()
        while not conversation.hung_up():
            time.sleep(0.02)
        left.set()

    start(follow)

    async with open_stream(path, "good"):
        assert not left.is_set()

    assert await asyncio.to_thread(left.wait, 2)


async def test_a_reader_that_stalls_holds_up_nobody_else(start: StartServer, path: str) -> None:
    sent = [0]

    def flood(ticket: str, conversation: Conversation) -> None:
        conversation.ready()
        if ticket == "good":
            conversation.end({})
            return
        while True:
            conversation.log(frame(0, b"x" * 65_536))
            sent[0] += 65_536

    start(flood)

    async with open_stream(path, "stalls"):
        await asyncio.sleep(0.3)
        stalled_at = sent[0]
        async with open_stream(path, "good") as other:
            assert [chunk async for chunk in other.logs()] == []
        assert sent[0] == stalled_at
        assert sent[0] < 2 * 1024 * 1024


def test_a_reader_that_takes_nothing_for_long_is_cut(start: StartServer, path: str) -> None:
    def flood(ticket: str, conversation: Conversation) -> None:
        conversation.ready()
        while True:
            conversation.log(frame(0, b"x" * 65_536))

    server = start(flood, stall_seconds=0.2)

    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(path)
        raw.sendall(pack_json(FrameKind.OPEN, {"ticket": "t"}))
        assert until(lambda: server.connections == 1)
        assert until(lambda: server.connections == 0)


async def test_more_streams_than_the_bound_are_refused(start: StartServer, path: str) -> None:
    def hold(ticket: str, conversation: Conversation) -> None:
        conversation.ready()
        while not conversation.hung_up():
            time.sleep(0.02)

    start(hold, connections=2)

    async with open_stream(path, "one"), open_stream(path, "two"):
        with pytest.raises(Exhausted, match="all 2 streams"):
            await connect(path, "three")


@pytest.mark.parametrize(
    "first",
    [
        pack_json(FrameKind.UPLOAD, {"ticket": "good"}),
        pack_json(FrameKind.OPEN, {}),
        HEADER.pack(100_000, FrameKind.OPEN),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_a_stranger_who_does_not_speak_the_protocol_is_refused(
    start: StartServer, path: str, first: bytes
) -> None:
    start(three_lines)

    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(5)
        raw.connect(path)
        raw.sendall(first)
        answer = raw.recv(HEADER.size)

    assert answer[4] == FrameKind.FAULT


def test_only_the_owner_and_the_group_of_the_web_process_reach_the_socket(
    start: StartServer, path: str
) -> None:
    start(three_lines)

    status = Path(path).stat()

    assert (status.st_gid, status.st_mode & 0o777) == (os.getgid(), 0o660)


async def test_stop_cuts_open_streams(start: StartServer, path: str) -> None:
    def hold(ticket: str, conversation: Conversation) -> None:
        conversation.ready()
        while not conversation.hung_up():
            time.sleep(0.02)

    server = start(hold)

    async with open_stream(path, "one") as stream:
        await asyncio.to_thread(server.stop)
        with pytest.raises(Unavailable):
            [chunk async for chunk in stream.logs()]
    assert server.connections == 0
