"""The options that every command shares."""

from __future__ import annotations

import os

import pytest

from panel.host.command_line import take_roots


def test_the_roots_become_variables_and_leave_the_command_line() -> None:
    words = ["manage.py", "status", "--data-root", "/a", "--json", "--run-root=/b"]

    remaining, variables = take_roots(words)

    assert remaining == ["manage.py", "status", "--json"]
    assert variables == {"DATA_ROOT": "/a", "RUN_ROOT": "/b"}


def test_a_relative_root_becomes_absolute() -> None:
    _, variables = take_roots(["manage.py", "up", "--data-root", "here"])

    assert variables["DATA_ROOT"] == os.path.abspath("here")


@pytest.mark.parametrize("words", [["--data-root"], ["--run-root="]])
def test_an_option_without_a_directory_is_refused(words: list[str]) -> None:
    with pytest.raises(ValueError, match="needs a directory"):
        take_roots(["manage.py", "up", *words])


def test_what_follows_a_double_dash_is_left_alone() -> None:
    words = ["manage.py", "shell", "--", "--data-root", "/a"]

    assert take_roots(words) == (words, {})
