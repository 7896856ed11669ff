"""What a session keeps of its output and input."""

from __future__ import annotations

import pytest

from runtime.dialogue import CHUNK, INPUT_WINDOW, WINDOW
from runtime.errors import Unavailable
from runtime.shim.replay import SMALL, Inbox, Replay


def sent(replay: Replay) -> bytes:
    """Send a reader everything; return it."""
    data = b""
    while (piece := replay.next()) is not None:
        data += piece.data
        replay.passed(piece)
    return data


def test_a_reader_gets_everything_once() -> None:
    replay = Replay()
    replay.append(1, b"one ")
    assert sent(replay) == b"one "
    replay.append(1, b"two ")
    replay.append(2, b"three")

    assert sent(replay) == b"two three"
    assert sent(replay) == b""


def test_streams_are_not_mixed() -> None:
    replay = Replay()
    for stream, data in ((1, b"a"), (2, b"b"), (2, b"c"), (1, b"d")):
        replay.append(stream, data)
    pieces = []
    while (piece := replay.next()) is not None:
        pieces.append((piece.stream, piece.data, piece.offset))
        replay.passed(piece)

    assert pieces == [(1, b"a", 1), (2, b"bc", 3), (1, b"d", 4)]


def test_a_reader_who_comes_back_goes_on_in_the_middle_of_a_piece() -> None:
    replay = Replay()
    replay.append(1, b"0123456789")
    sent(replay)

    assert replay.rewind(4) == 4
    assert sent(replay) == b"456789"


def test_room_is_what_nobody_waits_to_acknowledge() -> None:
    replay = Replay()
    replay.append(1, bytes(WINDOW - 10))
    assert replay.room == 10
    replay.append(1, bytes(10))
    assert replay.room == 0

    sent(replay)
    replay.acknowledge(CHUNK)
    assert replay.room == CHUNK


def test_the_last_window_is_kept_for_a_reader_without_memory() -> None:
    replay = Replay()
    for _ in range(100):
        replay.append(1, bytes(CHUNK))
        sent(replay)
        replay.acknowledge(replay.end)

    begin = replay.rewind(0)
    assert WINDOW - CHUNK <= replay.end - begin <= WINDOW
    assert len(sent(replay)) == replay.end - begin


def test_what_was_not_acknowledged_is_never_dropped() -> None:
    replay = Replay()
    replay.append(1, b"x" * 100)
    sent(replay)
    for _ in range(20):
        replay.append(1, bytes(CHUNK))

    assert replay.rewind(0) == 0


def test_many_small_pieces_become_few() -> None:
    replay = Replay()
    for _ in range(10 * SMALL):
        replay.append(1, b".")
    pieces = 0
    while (piece := replay.next()) is not None:
        replay.passed(piece)
        pieces += 1

    assert pieces <= 11
    assert replay.end == 10 * SMALL


@pytest.mark.parametrize("wrong", ["acknowledge", "rewind"])
def test_an_offset_that_there_is_not_is_refused(wrong: str) -> None:
    replay = Replay()
    replay.append(1, b"four")
    with pytest.raises(Unavailable):
        getattr(replay, wrong)(5)
    with pytest.raises(Unavailable, match="not sent"):
        replay.acknowledge(4)


def test_input_is_counted_when_it_comes_and_when_it_is_taken() -> None:
    inbox = Inbox()
    inbox.put(b"hello")
    inbox.passed(2)

    assert (inbox.received, inbox.taken, inbox.waiting) == (5, 2, b"llo")
    inbox.drop()
    assert (inbox.received, inbox.taken, inbox.waiting) == (5, 5, b"")


def test_more_input_than_its_window_is_refused() -> None:
    inbox = Inbox()
    inbox.put(bytes(INPUT_WINDOW))
    with pytest.raises(Unavailable, match="ahead"):
        inbox.put(b"x")
    inbox.passed(1)
    inbox.put(b"x")


def test_input_after_its_end_is_refused() -> None:
    inbox = Inbox()
    inbox.ended = True
    with pytest.raises(Unavailable, match="after its end"):
        inbox.put(b"x")
