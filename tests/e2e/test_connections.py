"""Requests leave no connection to the database behind."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.conftest import Platform

pytestmark = pytest.mark.e2e


def open_databases(pid: int) -> int:
    """Count the descriptors that a process has of the SQLite database."""
    found = 0
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            found += "db.sqlite3" in os.readlink(f"/proc/{pid}/fd/{number}")
        except FileNotFoundError:
            continue
    return found


def test_many_requests_leave_few_connections(platform: Platform) -> None:
    platform.until(platform.healthy)
    pid = platform.pid("web")

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: platform.call("GET", "/api/v1/containers"), range(100)))

    assert {answer.status for answer in answers} == {200}
    assert platform.until(lambda: open_databases(pid) <= 12, 10)
