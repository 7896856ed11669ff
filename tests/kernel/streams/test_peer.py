"""Who may speak to the stream server, by the kernel's word (unix(7), SO_PEERCRED)."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator

import pytest

from runtime.streams.frames import FrameKind, pack_json
from runtime.streams.server import Conversation, ServerOptions, StreamServer

pytestmark = pytest.mark.kernel
NOBODY = 65_534
WEB = 64_001


def end_at_once(ticket: str, conversation: Conversation) -> None:
    conversation.ready()


@pytest.fixture
def path() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="mo-p2-") as directory:
        os.chmod(directory, 0o755)
        path = f"{directory}/stream"
        server = StreamServer(ServerOptions(path=path, group=0, uids=frozenset({WEB})), end_at_once)
        server.start()
        os.chmod(path, 0o666)
        yield path
        server.stop()


@pytest.mark.parametrize(
    ("uid", "answer"), [(0, b"served"), (WEB, b"served"), (NOBODY, b"refused")]
)
def test_only_root_and_the_web_process_are_served(path: str, uid: int, answer: bytes) -> None:
    assert ask_as(uid, path) == answer


def ask_as(uid: int, path: str) -> bytes:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setresuid(uid, uid, uid)
            os.write(writing, ask(path))
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        return pipe.read()


def ask(path: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(5)
        raw.connect(path)
        try:
            raw.sendall(pack_json(FrameKind.OPEN, {"ticket": "any"}))
            return b"served" if raw.recv(1) else b"refused"
        except ConnectionError:
            return b"refused"
