"""The rules about skips and leftovers, tried on runs of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests import leak_guard
from tests.conftest import is_declared

ROOT = Path(__file__).parents[2]
SKIPPING = """
import pytest


def test_needs_something() -> None:
    pytest.skip("no such capability here")
"""
LEAVING = """
from pathlib import Path


def test_leaves_a_file() -> None:
    Path({path!r}).write_text("left")
"""
LONG = """
import pytest


@pytest.mark.long
def test_takes_an_hour() -> None:
    raise AssertionError("it ran")


def test_is_short(counts) -> None:
    assert counts(3, full=300) == {expected}
"""


def run(tmp_path: Path, source: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with our conftest on one test file of the kernel level."""
    tests = tmp_path / "tests"
    (tests / "kernel").mkdir(parents=True)
    for name in ("conftest.py", "leak_guard.py", "declared_skips.txt"):
        (tests / name).write_text((ROOT / "tests" / name).read_text())
    (tests / "kernel" / "test_case.py").write_text(source)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\npythonpath = .\naddopts = --import-mode=importlib -p no:cacheprovider\n"
        "markers =\n  long: slow\n"
    )
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("CI", None)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "pytest.ini", "tests", *options],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_undeclared_skip_fails_a_strict_run(tmp_path: Path) -> None:
    done = run(tmp_path, SKIPPING, "--strict-skips")

    assert done.returncode == 1, done.stdout
    assert "undeclared skip: tests/kernel/test_case.py::test_needs_something" in done.stdout


def test_an_undeclared_skip_is_only_a_skip_at_home(tmp_path: Path) -> None:
    done = run(tmp_path, SKIPPING)

    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout


def test_a_declaration_covers_the_named_test_and_reason_only() -> None:
    declaration = "# why\ntests/kernel/*::test_nft* | no nftables\n"

    assert is_declared("tests/kernel/test_a.py::test_nft_map", "no nftables here", declaration)
    assert not is_declared("tests/kernel/test_a.py::test_nft_map", "no root", declaration)
    assert not is_declared("tests/e2e/test_a.py::test_nft_map", "no nftables", declaration)


def test_a_test_that_leaves_a_file_fails(tmp_path: Path) -> None:
    left = Path("/run") / f"moorage-left-{os.getpid()}"
    try:
        done = run(tmp_path, LEAVING.format(path=str(left)), "--leak-guard")
    finally:
        left.unlink()

    assert done.returncode == 1, done.stdout
    assert f"file: {left}" in done.stdout


def test_long_tests_run_only_when_asked_for(tmp_path: Path) -> None:
    done = run(tmp_path, LONG.format(expected=3))

    assert done.returncode == 0, done.stdout
    assert "1 deselected" in done.stdout


def test_long_runs_take_the_full_counts(tmp_path: Path) -> None:
    done = run(tmp_path, LONG.format(expected=300), "--long")

    assert "1 failed, 1 passed" in done.stdout
    assert "it ran" in done.stdout


def test_a_seed_is_printed_and_can_be_given(tmp_path: Path) -> None:
    done = run(tmp_path, LONG.format(expected=3), "--seed", "41")

    assert "seed 41 (--seed)" in done.stdout


def test_the_guard_names_what_was_left_and_what_was_lost() -> None:
    before = {"mount": {"/a ext4 d", "/b ext4 d"}, "process": set[str]()}
    after = {"mount": {"/a ext4 d", "/c tmpfs t"}, "process": {"17 sleep 1000"}}

    assert leak_guard.left_behind(before, after) == ["mount: /c tmpfs t", "process: 17 sleep 1000"]
    assert leak_guard.lost(before, after) == ["mount is gone: /b ext4 d"]


def test_the_guard_sees_processes_by_their_roots() -> None:
    child = subprocess.Popen(["sleep", "100"], env={"RUN_ROOT": "/run/elsewhere"})
    try:
        # Its environment appears a moment after the execve that Popen waits for.
        deadline = time.monotonic() + 10
        while f"{child.pid} sleep 100" not in leak_guard.processes():
            assert time.monotonic() < deadline, "the guard does not see it"
            time.sleep(0.01)
    finally:
        child.kill()
        child.wait()

    assert f"{child.pid} sleep 100" not in leak_guard.processes()
