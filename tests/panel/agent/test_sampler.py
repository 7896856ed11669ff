"""One look serves all readers of a container, and nobody looks where nobody reads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from panel.agent.sampler import Samplers, Taken, moment
from runtime.errors import Conflict
from runtime.usage import Stats


class Looks:
    """Counts who is looked at; may be told to refuse."""

    def __init__(self) -> None:
        self.at: list[str] = []
        self.refuse = False

    def __call__(self, container: str) -> Stats:
        self.at.append(container)
        if self.refuse:
            raise Conflict("it does not run")
        return Stats(time_ns=len(self.at), monotonic_ns=len(self.at))


def never() -> bool:
    return False


def test_readers_that_come_together_share_a_look() -> None:
    looks, samplers = Looks(), Samplers()
    with samplers.reading("a", looks) as one, samplers.reading("a", looks) as other:
        first, second = one.after(None, 10, never), other.after(None, 10, never)

    assert one is other
    assert first is second
    assert looks.at == ["a"]


def test_a_sample_goes_with_its_last_reader() -> None:
    looks, samplers = Looks(), Samplers()
    for _ in range(2):
        with samplers.reading("a", looks) as sampler:
            assert samplers.watched == 1
            sampler.after(None, 10, never)
        assert samplers.watched == 0

    assert looks.at == ["a", "a"]


def test_many_readers_cost_as_many_looks_as_one() -> None:
    looks, samplers = Looks(), Samplers()
    told: list[list[int]] = []

    def read() -> None:
        seen: Taken | None = None
        mine = []
        with samplers.reading("a", looks) as sampler:
            for _ in range(5):
                seen = sampler.after(seen, 0.1, never)
                assert seen is not None
                mine.append(seen.told["monotonic_ns"])
        told.append(mine)

    readers = [threading.Thread(target=read) for _ in range(20)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(20)

    assert len(told) == 20
    assert all(mine == sorted(set(mine)) for mine in told)
    assert len(looks.at) < 20


def test_a_slow_reader_skips_to_the_newest() -> None:
    looks, samplers = Looks(), Samplers()
    with samplers.reading("a", looks) as sampler:
        slow = sampler.after(None, 0.01, never)
        quick = slow
        for _ in range(4):
            quick = sampler.after(quick, 0.05, never)
        newest = sampler.after(slow, 0.01, never)

    assert newest is quick


def test_whoever_is_to_stop_waits_no_longer() -> None:
    samplers, began = Samplers(), time.monotonic()
    with samplers.reading("a", Looks()) as sampler:
        seen = sampler.after(None, 60, never)
        assert sampler.after(seen, 60, lambda: True) is None

    assert time.monotonic() - began < 5


@pytest.mark.parametrize("reader", [0, 1])
def test_each_reader_is_told_that_there_is_nothing_to_look_at(reader: int) -> None:
    looks, samplers = Looks(), Samplers()
    looks.refuse = True
    after: list[Callable[..., object]] = []
    with samplers.reading("a", looks) as one, samplers.reading("a", looks) as other:
        after += [one.after, other.after]
        with pytest.raises(Conflict):
            after[reader](None, 1, never)


def test_a_time_is_told_to_the_millisecond() -> None:
    assert moment(1_700_000_000_123_456_789) == "2023-11-14T22:13:20.123Z"
