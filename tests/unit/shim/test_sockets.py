"""Packets and connections in a process that may open no more descriptors."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtime.errors import Unavailable
from runtime.shim import sockets
from runtime.shim.door import PAUSE_SECONDS, Door
from runtime.shim.loop import Loop
from runtime.shim.protocol import Execute, Prepared


class Limit:
    """Of the descriptors that this process may open."""

    def __init__(self, number: int) -> None:
        self._before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, self._before[1]))

    def lift(self) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, self._before)


@contextmanager
def descriptors_left(number: int) -> Iterator[Limit]:
    """Let this process open so many descriptors and no more."""
    taken = [os.dup(0) for _ in range(number + 1)]
    for fd in taken:
        os.close(fd)
    limit = Limit(taken[-1])
    try:
        yield limit
    finally:
        limit.lift()


@contextmanager
def conversation() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = sockets.pair()
    with ours, theirs:
        yield ours, theirs


def test_descriptors_come_all_or_not_at_all() -> None:
    message = Prepared(container="c", run=1, names=("stdout", "stderr"))
    before = set(os.listdir("/proc/self/fd"))
    with conversation() as (ours, theirs):
        sockets.send(ours, message, [0, 0])
        with descriptors_left(1):
            some = sockets.receive(theirs)
        assert some is not None
        assert isinstance(some[0], Prepared)
        assert some[1] == []
        sockets.send(ours, message, [0, 0])
        received = sockets.receive(theirs)
        assert received is not None
        assert len(received[1]) == 2
        for fd in received[1]:
            os.close(fd)
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_message_that_cannot_be_read_is_told_as_lost() -> None:
    big = Execute(container="c", operation="o", spec={"command": ["x" * 100_000]})
    with conversation() as (ours, theirs):
        sockets.send(ours, big)
        sockets.send(ours, big)
        with descriptors_left(0), pytest.raises(Unavailable, match="lost"):
            sockets.receive(theirs)
        assert sockets.receive(theirs) == (big, [])


def test_a_door_stays_shut_for_a_moment_where_there_are_no_descriptors(tmp_path: Path) -> None:
    loop = Loop()
    inside: list[socket.socket] = []

    def welcome(connection: socket.socket) -> None:
        inside.append(connection)
        loop.stop()

    with sockets.listen(str(tmp_path), "s") as listener:
        Door(loop, listener, welcome)
        with sockets.connect(str(tmp_path), "s", 1.0), descriptors_left(0) as limit:
            before = time.process_time()
            loop.after(4.5 * PAUSE_SECONDS, limit.lift)
            loop.run()
            spent = time.process_time() - before
        assert len(inside) == 1
        assert spent < PAUSE_SECONDS
        inside[0].close()
