"""The ceiling file is root's alone; whatever is wrong with it allows nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from panel.policy import ceiling
from panel.policy.rules import Allowances

BASE = 300_000_000


def write(directory: Path, text: str, mode: int = 0o600) -> Path:
    path = directory / "ceiling.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_no_file_is_the_strictest_ceiling(tmp_path: Path) -> None:
    read = ceiling.read(str(tmp_path), id_base=BASE)

    assert (read.allowances, read.fault) == (Allowances(), "")


def test_a_file_of_root_is_read(tmp_path: Path) -> None:
    write(tmp_path, 'privileged = true\nhost_paths = ["/srv"]\n')

    read = ceiling.read(str(tmp_path), id_base=BASE)

    assert read.allowances == Allowances(privileged=True, host_paths=("/srv",))
    assert read.fault == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("privileged = maybe", "wrong"),
        ("priviledged = true", "no such rule"),
        ("privileged = 1", "neither true nor false"),
        ('host_paths = ["srv"]', "not absolute"),
        ('host_namespaces = ["all"]', "known are"),
    ],
)
def test_a_file_with_a_mistake_allows_nothing_and_says_so(
    tmp_path: Path, text: str, words: str
) -> None:
    write(tmp_path, f"unconfined_seccomp = true\n{text}\n")

    read = ceiling.read(str(tmp_path), id_base=BASE)

    assert read.allowances == Allowances()
    assert words in read.fault


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_allows_nothing(tmp_path: Path, mode: int) -> None:
    write(tmp_path, "privileged = true\n", mode)

    read = ceiling.read(str(tmp_path), id_base=BASE)

    assert read.allowances == Allowances()
    assert "written by others" in read.fault


def test_a_file_of_somebody_else_allows_nothing(tmp_path: Path) -> None:
    os.chown(write(tmp_path, "privileged = true\n"), 65534, 65534)

    read = ceiling.read(str(tmp_path), id_base=BASE)

    assert read.allowances == Allowances()
    assert "belongs to user 65534" in read.fault


def test_what_is_no_file_allows_nothing_and_holds_nobody_up(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("privileged = true\n")
    link = tmp_path / "ceiling.toml"
    link.symlink_to(target)
    assert "not usable" in ceiling.read(str(tmp_path), id_base=BASE).fault

    link.unlink()
    os.mkfifo(link, 0o600)
    assert "not a regular file" in ceiling.read(str(tmp_path), id_base=BASE).fault

    link.unlink()
    link.mkdir()
    assert ceiling.read(str(tmp_path), id_base=BASE).fault
