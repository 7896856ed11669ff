"""States, spans, sizes and searches as people read and write them."""

from __future__ import annotations

import pytest

from panel.operations.kinds import CATALOGUE
from panel.web import quantities, search, words


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (64 << 20, "64 MiB"), (2 << 30, "2 GiB")],
)
def test_bytes_have_a_unit_and_few_digits(count: int, text: str) -> None:
    assert quantities.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0421, "42 ms"), (1.44, "1.4 s"), (59, "59 s"), (3700, "1 h 1 min"), (200_000, "2 d")],
)
def test_a_span_is_told_in_its_largest_units(seconds: float, text: str) -> None:
    assert quantities.span(seconds) == text


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_kind_of_operation_has_words(code: str) -> None:
    assert code in words.VERBS


@pytest.mark.parametrize(
    ("state", "exit_code", "oom", "word"),
    [
        ("running", None, False, "Running"),
        ("exited", 0, False, "Exited 0"),
        ("exited", 137, True, "Out of memory"),
        ("exited", 3, False, "Exited 3"),
        ("exited", None, False, "Exited, code lost"),
    ],
)
def test_a_state_is_a_shape_and_a_word(
    state: str, exit_code: int | None, oom: bool, word: str
) -> None:
    sign = words.container_sign(state, exit_code, oom_killed=oom)

    assert sign.word == word
    assert sign.shape.startswith("s-")


def test_what_is_under_way_is_told_instead_of_the_state() -> None:
    assert words.container_sign("running", None, doing="container.stop").word == "Stopping"


def test_a_search_splits_pairs_from_words_and_leaves_unknown_keys_as_words() -> None:
    found = search.parse("shop state:running node:a x:y", frozenset({"state"}))

    assert found.keys == {"state": "running"}
    assert found.words == ("shop", "node:a", "x:y")


def test_every_error_code_of_the_tree_has_a_way_out() -> None:
    from runtime import errors

    codes = {
        fault.code
        for fault in errors.RuntimeFault.__subclasses__()
        if fault.__module__ == errors.__name__
    }

    assert codes <= words.WAYS_OUT.keys()
