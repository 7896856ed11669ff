"""Connections to SQLite databases that wait for somebody to use them."""

from __future__ import annotations

import os
import sqlite3
import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Waiting:
    connection: sqlite3.Connection
    file: tuple[int, int]
    process: int


class Waiting:
    """The waiting connections of a process, by path. Whoever takes one is its only user."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._waiting: dict[str, list[_Waiting]] = {}

    def take(self, path: str) -> sqlite3.Connection | None:
        """Return the connection that came last, None where none waits for this very file."""
        file = _identity(path)
        while True:
            with self._lock:
                waiting = self._waiting.get(path)
                found = waiting.pop() if waiting else None
            if found is None:
                return None
            if found.process != os.getpid():
                # A SQLite connection must not be used after fork, nor closed
                # (sqlite.org/howtocorrupt.html section 2.6).
                _abandoned.append(found.connection)
            elif found.file == file:
                return found.connection
            else:
                found.connection.close()  # the file was replaced, by a restore for example

    def give(self, path: str, connection: sqlite3.Connection, *, at_most: int) -> None:
        """Let a connection wait that nobody uses any more; close it where enough do."""
        file = _identity(path)
        with self._lock:
            waiting = self._waiting.setdefault(path, [])
            if file is not None and len(waiting) < at_most:
                waiting.append(_Waiting(connection, file, os.getpid()))
                return
        connection.close()


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


_abandoned: list[sqlite3.Connection] = []
WAITING = Waiting()
