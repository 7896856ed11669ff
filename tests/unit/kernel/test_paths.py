from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.abi import O_PATH
from runtime.errors import KernelRefused
from runtime.kernel import paths


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_text("inside")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("outside")
    (root / "up").symlink_to("../../../etc")
    (root / "absolute").symlink_to("/etc")
    (root / "away").symlink_to(f"{tmp_path}/etc/passwd")
    (root / "magic").symlink_to("/proc/self/cwd")
    (root / "loop").symlink_to("loop")
    return root


@pytest.fixture
def root(tree: Path) -> Iterator[int]:
    descriptor = os.open(tree, O_PATH | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def _read(root: int, path: str) -> str:
    descriptor = paths.open_in_root(root, path, os.O_RDONLY)
    with os.fdopen(descriptor) as file:
        return file.read()


@pytest.mark.parametrize(
    "path", ["etc/passwd", "/etc/passwd", "../../etc/passwd", "up/passwd", "absolute/passwd"]
)
def test_every_way_out_leads_back_inside(root: int, path: str) -> None:
    assert _read(root, path) == "inside"


def test_a_link_to_a_place_outside_finds_nothing(root: int) -> None:
    with pytest.raises(KernelRefused, match="away"):
        _read(root, "away")


@pytest.mark.parametrize("path", ["up/passwd", "absolute", "loop"])
def test_a_plain_lookup_refuses_links(root: int, path: str) -> None:
    with pytest.raises(KernelRefused) as caught:
        paths.open_plain(root, path)

    assert caught.value.errno == errno.ELOOP


def test_a_plain_lookup_does_not_climb(root: int) -> None:
    with pytest.raises(KernelRefused) as caught:
        paths.open_plain(root, "../etc/passwd")

    assert caught.value.errno == errno.EXDEV


def test_magic_links_are_not_followed() -> None:
    proc = os.open("/proc", O_PATH | os.O_DIRECTORY)
    try:
        with pytest.raises(KernelRefused) as caught:
            paths.open_in_root(proc, f"{os.getpid()}/cwd")
    finally:
        os.close(proc)

    assert caught.value.errno == errno.ELOOP


def test_missing_directories_are_made_inside_whatever_the_links_say(root: int, tree: Path) -> None:
    made = paths.make_directories(root, "/up/a/../b/c")
    os.close(made)

    assert (tree / "etc/b/c").is_dir()
    assert not (tree.parent / "etc/b").exists()


def test_making_directories_through_a_file_is_refused_and_makes_nothing(
    root: int, tree: Path
) -> None:
    before = len(os.listdir("/proc/self/fd"))

    with pytest.raises(KernelRefused):
        paths.make_directories(root, "/etc/passwd/x")
    with pytest.raises(KernelRefused):
        paths.make_directories(root, "/loop/x")

    assert sorted(os.listdir(tree / "etc")) == ["passwd"]
    assert len(os.listdir("/proc/self/fd")) == before


def test_descriptors_are_closed_on_exec(root: int) -> None:
    descriptor = paths.open_in_root(root, "etc")
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)
