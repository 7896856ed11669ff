"""Requests leave no connection to the database behind."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.conftest import Platform

pytestmark = pytest.mark.e2e
AT_ONCE = 16


def open_files(pid: int, name: str) -> int:
    """Count the descriptors that a process has of a file of the SQLite database."""
    found = 0
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            found += os.readlink(f"/proc/{pid}/fd/{number}").endswith(name)
        except FileNotFoundError:
            continue
    return found


def ask(platform: Platform, count: int) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda _: platform.call("GET", "/api/v1/containers"), range(count))
        assert {answer.status for answer in answers} == {200}


def test_many_requests_leave_few_connections(platform: Platform) -> None:
    platform.until(platform.healthy)
    pid = platform.pid("web")

    ask(platform, 100)

    # Each connection has the log of the database open once.
    platform.until(lambda: open_files(pid, "db.sqlite3-wal") <= 6, 10)
    # While any is open, SQLite keeps the descriptors of closed ones for the next (POSIX locks).
    assert open_files(pid, "db.sqlite3") <= AT_ONCE + 2
    ask(platform, 200)
    platform.until(lambda: open_files(pid, "db.sqlite3-wal") <= 6, 10)
    assert open_files(pid, "db.sqlite3") <= AT_ONCE + 2
