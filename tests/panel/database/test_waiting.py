"""Connections to SQLite outlive the thread that opened them, and are used by one at a time."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler, DatabaseError
from pytest_django import DjangoDbBlocker

from panel.database.sqlite3.waiting import WAITING
from panel.settings.database import database


@pytest.fixture
def handler(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[ConnectionHandler]:
    """Connections to a database of its own, of which two may wait."""
    path = f"{tmp_path}/db.sqlite3"
    handler = ConnectionHandler({"default": database(f"sqlite://{path}", "", waiting=2)})
    with django_db_blocker.unblock():
        run(handler, create)
        yield handler
    while (raw := WAITING.take(path)) is not None:
        raw.close()


def create(wrapper: BaseDatabaseWrapper) -> None:
    with wrapper.cursor() as cursor:
        cursor.execute("CREATE TABLE notes (text UNIQUE)")


def run(
    handler: ConnectionHandler, work: Callable[[BaseDatabaseWrapper], object]
) -> sqlite3.Connection:
    """Do the work of a request in a thread of its own and return the connection it had."""
    had: list[sqlite3.Connection] = []

    def request() -> None:
        wrapper = handler["default"]
        try:
            work(wrapper)
        finally:
            assert wrapper.connection is not None
            had.append(wrapper.connection)
            wrapper.close()

    thread = threading.Thread(target=request)
    thread.start()
    thread.join()
    return had[0]


def count(wrapper: BaseDatabaseWrapper) -> int:
    with wrapper.cursor() as cursor:
        return int(cursor.execute("SELECT count(*) FROM notes").fetchone()[0])


def is_open(raw: sqlite3.Connection) -> bool:
    try:
        raw.execute("SELECT 1").close()
    except sqlite3.ProgrammingError:
        return False
    return True


def test_the_next_thread_gets_the_connection_of_the_one_before(handler: ConnectionHandler) -> None:
    first = run(handler, count)

    assert run(handler, count) is first


def test_pragmas_and_functions_of_django_are_still_there(handler: ConnectionHandler) -> None:
    found: list[tuple[int, str]] = []

    def look(wrapper: BaseDatabaseWrapper) -> None:
        with wrapper.cursor() as cursor:
            keys = cursor.execute("PRAGMA foreign_keys").fetchone()[0]
            found.append((keys, cursor.execute("SELECT MD5('a')").fetchone()[0]))

    run(handler, look)
    run(handler, look)

    assert found[0] == found[1] == (1, "0cc175b9c0f1b6a831c399e269772661")


def test_two_at_once_never_share_one(handler: ConnectionHandler) -> None:
    inner: list[sqlite3.Connection] = []

    def both(wrapper: BaseDatabaseWrapper) -> None:
        count(wrapper)
        inner.append(run(handler, count))

    outer = run(handler, both)

    assert outer is not inner[0]


def test_no_more_wait_than_may(handler: ConnectionHandler) -> None:
    had: list[sqlite3.Connection] = []

    def nested(depth: int) -> Callable[[BaseDatabaseWrapper], None]:
        def work(wrapper: BaseDatabaseWrapper) -> None:
            count(wrapper)
            if depth:
                had.append(run(handler, nested(depth - 1)))

        return work

    had.append(run(handler, nested(3)))

    assert [is_open(raw) for raw in had] == [True, True, False, False]


def test_what_was_left_in_a_transaction_is_rolled_back_and_closed(
    handler: ConnectionHandler,
) -> None:
    def half(wrapper: BaseDatabaseWrapper) -> None:
        wrapper.set_autocommit(False)
        wrapper.cursor().execute("INSERT INTO notes VALUES ('half')")

    raw = run(handler, half)

    assert not is_open(raw)
    counts: list[int] = []
    run(handler, lambda wrapper: counts.append(count(wrapper)))
    assert counts == [0]


def test_a_connection_with_an_error_is_not_given_on(handler: ConnectionHandler) -> None:
    def err(wrapper: BaseDatabaseWrapper) -> None:
        with pytest.raises(DatabaseError), wrapper.cursor() as cursor:
            cursor.execute("SELECT * FROM nothing")

    assert not is_open(run(handler, err))


def test_a_replaced_file_is_opened_anew(handler: ConnectionHandler, tmp_path: Path) -> None:
    before = run(handler, count)
    path = str(tmp_path / "db.sqlite3")
    os.rename(path, f"{path}.old")
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE notes (text UNIQUE)")
    other.close()

    after = run(handler, count)

    assert after is not before
    assert not is_open(before)
