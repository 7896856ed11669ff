"""Removing hostile trees."""

from __future__ import annotations

import os
from pathlib import Path

from runtime.containers import trash


def test_a_tree_deeper_than_any_path_is_removed(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    here = os.open(tmp_path / "c", os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d" * 50, dir_fd=here)
        below = os.open("d" * 50, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)

    trash.empty(str(tmp_path), "c")

    assert os.listdir(tmp_path) == []


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "kept").write_text("x")
    tree = tmp_path / "trash" / "c"
    (tree / "sub").mkdir(parents=True)
    (tree / "link").symlink_to(victim)
    (tree / "sub" / "link").symlink_to(victim)
    (tree / "sub" / "hard").hardlink_to(victim / "kept")

    trash.empty(str(tmp_path / "trash"), "c")

    assert os.listdir(tmp_path / "trash") == []
    assert (victim / "kept").read_text() == "x"


def test_wide_trees_and_odd_names_are_removed(tmp_path: Path) -> None:
    tree = tmp_path / "c"
    for number in range(30):
        directory = tree / f"{number}" / "stage-x"
        directory.mkdir(parents=True)
        for name in (b"\xff\xfe", b" ", b"-rf", b"stage"):
            (directory / os.fsdecode(name)).write_text("")

    trash.empty(str(tmp_path), "c")

    assert os.listdir(tmp_path) == []


def test_what_is_gone_already_is_fine(tmp_path: Path) -> None:
    trash.empty(str(tmp_path), "nothing")
