"""Packets of a session."""

from __future__ import annotations

import pytest

from runtime import dialogue
from runtime.dialogue import (
    CHUNK,
    LARGEST,
    Acknowledge,
    EndOfInput,
    Exit,
    HangUp,
    Input,
    Opened,
    Output,
    Parted,
    Resize,
    Taken,
    Word,
)
from runtime.errors import Unavailable

WORDS: tuple[Word, ...] = (
    Opened(offset=1 << 40, received=7, taken=5, terminal=True),
    Output(offset=9, stream=2, data=b"\x00\xff"),
    Output(offset=CHUNK, stream=1, data=bytes(CHUNK)),
    Acknowledge(1 << 60),
    Input(b"ls\n"),
    Input(bytes(CHUNK)),
    Taken(3),
    Resize(rows=24, columns=80),
    EndOfInput(),
    HangUp(),
    Exit(0),
    Exit(255),
    Exit(None),
    Parted("somebody else reads"),
)


@pytest.mark.parametrize("word", WORDS, ids=lambda word: type(word).__name__)
def test_a_word_comes_back_as_it_was(word: Word) -> None:
    packet = dialogue.encode(word)

    assert dialogue.decode(packet) == word
    assert len(packet) <= LARGEST


@pytest.mark.parametrize(
    "packet",
    [b"", b"\x00", b"\x63", b"\x03", b"\x05123", b"\x06\x00\x01", b"\x07x", b"\x08x", b"\x0a\xff"],
)
def test_what_is_no_word_is_refused(packet: bytes) -> None:
    with pytest.raises(Unavailable, match="packet"):
        dialogue.decode(packet)


@pytest.mark.parametrize(
    ("asked", "given"), [((0, 0), (1, 1)), ((24, 80), (24, 80)), ((99_999, -3), (65_535, 1))]
)
def test_a_size_is_one_that_a_terminal_can_have(
    asked: tuple[int, int], given: tuple[int, int]
) -> None:
    fitting = dialogue.size(*asked)

    assert (fitting.rows, fitting.columns) == given
