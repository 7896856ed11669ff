from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from runtime.errors import InvalidSpec, KernelRefused, RuntimeFault, Unavailable
from runtime.isolation import sync


@pytest.fixture
def pipe() -> Iterator[sync.Pipe]:
    made = sync.Pipe()
    yield made
    made.close()


def _soon() -> float:
    return time.monotonic() + 5


def test_a_story_is_heard_in_whatever_order_it_is_told(pipe: sync.Pipe) -> None:
    pipe.tell(sync.READY)
    pipe.tell(sync.PID, b"42")
    os.close(pipe.writer)
    pipe.writer = -1

    story = pipe.hear_out(deadline=_soon())

    assert (story.pid, story.ready, story.fault) == (42, True, None)


def test_a_fault_before_the_pid_does_not_lose_the_pid(pipe: sync.Pipe) -> None:
    pipe.tell_fault(InvalidSpec("command", "nope: no such file or directory"))
    pipe.tell(sync.PID, b"42")
    os.close(pipe.writer)
    pipe.writer = -1

    story = pipe.hear_out(deadline=_soon())

    assert story.pid == 42
    assert str(story.fault) == "command: nope: no such file or directory"


@pytest.mark.parametrize(
    ("fault", "heard"),
    [
        (InvalidSpec("user", "no"), InvalidSpec("user", "no")),
        (KernelRefused("fsopen", 1, "overlay"), KernelRefused("fsopen", 1, "overlay")),
        (PermissionError(13, "denied", "/x"), KernelRefused("open", 13, "/x")),
        (
            ZeroDivisionError("oops"),
            RuntimeFault("the set-up process failed: ZeroDivisionError: oops"),
        ),
        (InvalidSpec("command", "\udcff\n"), InvalidSpec("command", "\\udcff\n")),
        (InvalidSpec("command", "x" * 5000), InvalidSpec("command", "x" * 1000)),
    ],
)
def test_a_fault_arrives_as_what_it_was(
    pipe: sync.Pipe, fault: BaseException, heard: RuntimeFault
) -> None:
    pipe.tell_fault(fault)

    with pytest.raises(type(heard)) as caught:
        pipe.hear()

    assert str(caught.value) == str(heard)
    assert caught.value.details() == heard.details()


def test_silence_ends_at_the_deadline(pipe: sync.Pipe) -> None:
    began = time.monotonic()

    story = pipe.hear_out(deadline=began + 0.05)

    assert isinstance(story.fault, Unavailable)
    assert 0.04 < time.monotonic() - began < 2


def test_an_end_without_readiness_is_told_as_such(pipe: sync.Pipe) -> None:
    os.close(pipe.writer)
    pipe.writer = -1

    story = pipe.hear_out(deadline=_soon())

    assert (story.ready, story.fault) == (False, None)
