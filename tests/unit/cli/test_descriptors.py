"""Which of a caller's descriptors a container's process gets."""

from __future__ import annotations

import pytest

from runtime.cli.descriptors import Inherited, choose


@pytest.mark.parametrize(
    ("present", "preserve", "listening", "numbers", "sockets"),
    [
        ((0, 1, 2), 100, 0, (), 0),
        ((0, 1, 2, 3, 4), 1, 0, (3,), 0),
        ((0, 1, 2, 3, 7, 200), 100, 0, (3, 7), 0),
        ((0, 1, 2, 3, 4), 0, 1, (3,), 1),
        ((0, 1, 2, 3, 4, 5), 1, 2, (3, 4, 5), 2),
        ((0, 1, 2, 4), 1, 2, (), 0),
        ((0, 1, 2, 3), 10**12, 10**12, (3,), 1),
    ],
)
def test_only_what_is_open_is_handed_on(
    present: tuple[int, ...],
    preserve: int,
    listening: int,
    numbers: tuple[int, ...],
    sockets: int,
) -> None:
    assert choose(frozenset(present), preserve=preserve, listening=listening) == Inherited(
        numbers, sockets
    )


def test_the_process_is_told_of_sockets_only() -> None:
    assert Inherited((3,)).environment == {}
    assert Inherited((3, 4), 2).environment == {"LISTEN_FDS": "2", "LISTEN_PID": "1"}
