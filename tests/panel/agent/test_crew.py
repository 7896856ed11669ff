"""The agent never lives on without one of its threads."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from panel.agent.crew import Crew


def fail() -> None:
    raise SystemExit("the thread is gone")


@pytest.mark.parametrize("work", [fail, lambda: None], ids=["fails", "returns"])
def test_one_that_ends_by_itself_ends_all(work: Callable[[], None]) -> None:
    over = threading.Event()
    crew = Crew(over)
    crew.start("faithful", over.wait)

    crew.start("faithless", work)

    assert over.wait(5)
    crew.join(timeout_seconds=5)
    assert crew.lost == ["faithless"]
    assert not {"faithful", "faithless"} & {thread.name for thread in threading.enumerate()}


def test_those_that_end_when_told_are_not_lost() -> None:
    over = threading.Event()
    crew = Crew(over)
    crew.start("faithful", over.wait)

    over.set()
    crew.join(timeout_seconds=5)

    assert crew.lost == []
