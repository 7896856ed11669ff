"""An image store on a root of its own, and a place that must not change beside it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.config import EngineConfig
from runtime.images.images import Images

Load = Callable[[bytes], object]


@pytest.fixture
def root() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="mo-images-", dir="/var/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def store(root: Path) -> Images:
    os.makedirs(root / "data" / "engine", mode=0o700)
    return Images(EngineConfig(data_root=str(root / "data"), run_root=str(root / "run")))


@pytest.fixture
def load(root: Path, store: Images) -> Callable[[bytes], object]:
    def loaded(content: bytes, namespace: str = "team") -> object:
        file = root / "archive"
        file.write_bytes(content)
        return store.load(str(file), namespace=namespace)

    return loaded


@pytest.fixture
def outside(root: Path) -> Iterator[Path]:
    """A directory of the host that no archive may read, write or remove."""
    place = root / "outside"
    place.mkdir()
    (place / "secret").write_text("secret")
    before = snapshot(place)
    yield place
    assert snapshot(place) == before


def snapshot(place: Path) -> dict[str, tuple[object, ...]]:
    """Return what `place` holds: names, kinds, modes, owners, sizes, times and contents."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [place, *sorted(place.rglob("*"))]:
        told = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path)] = (told.st_mode, told.st_uid, told.st_nlink, told.st_mtime_ns, content)
    return found
