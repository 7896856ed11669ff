"""Connections to the database are few, so whoever waits for something gives its own back.

A request has a thread of its own and with it a connection, from its first query to its end
(CONN_MAX_AGE 0): held for minutes, a hundred requests would take all that PostgreSQL has.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import wraps
from types import TracebackType
from typing import ClassVar, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

MOMENT_SECONDS = 0.25
KEEPERS = 16

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


def giving_back(work: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
    """Return `work` so that its thread has no connection afterwards, unless in a transaction."""

    @wraps(work)
    def given_back(*args: Parameters.args, **options: Parameters.kwargs) -> Answer:
        try:
            return work(*args, **options)
        finally:
            _give_back()

    return given_back


def in_thread(work: Callable[Parameters, Answer]) -> Callable[Parameters, Awaitable[Answer]]:
    """Run database work in any free thread: by default all sockets would share a single one.

    The connection is given back by the work itself. Around it, where channels does so, a thread
    does not see the connection that the work's own context holds.
    """
    return sync_to_async(giving_back(work), thread_sensitive=False)


class Moment:
    """Lets a waiter keep its connection while what it waits for may be about to happen.

    To connect again costs more than most operations leave to wait for. At most `KEEPERS` waiters
    of a process do so at once; for the others `left` is 0 from the beginning.
    """

    keepers: ClassVar[int] = 0

    def __enter__(self) -> Moment:
        self._keeps = Moment.keepers < KEEPERS
        Moment.keepers += self._keeps
        self._end = time.monotonic() + MOMENT_SECONDS
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._let_go()

    @property
    def left(self) -> float:
        """Return for how many seconds the connection may be kept yet."""
        if self._keeps and time.monotonic() >= self._end:
            self._let_go()
        return self._end - time.monotonic() if self._keeps else 0.0

    def _let_go(self) -> None:
        Moment.keepers -= self._keeps
        self._keeps = False


def _give_back() -> None:
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
