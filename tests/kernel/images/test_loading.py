"""Honest archives: docker-save and OCI layouts, plain, gzip and zstd, inside and outside."""

from __future__ import annotations

import os
import stat
import tarfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime.errors import Conflict, NotFound
from runtime.events import NullSink
from runtime.images.images import Images
from runtime.snapshots.layers import Layers
from runtime.state import locks
from tests.kernel.images.handmade import PACK, Member, docker_save, layout, tar

pytestmark = pytest.mark.kernel
BOTTOM = tar(
    [
        Member("etc", kind=tarfile.DIRTYPE, mode=0o755),
        Member("etc/old", b"old"),
        Member("etc/tool", b"tool", mode=0o4755, uid=7),
        Member("etc/link", kind=tarfile.SYMTYPE, link="/etc/old"),
        Member("gone", kind=tarfile.DIRTYPE, mode=0o755),
        Member("gone/file", b"x"),
    ]
)
TOP = tar(
    [
        Member("etc/.wh.old"),
        Member("gone", kind=tarfile.DIRTYPE, mode=0o755),
        Member("gone/.wh..wh..opq"),
        Member("gone/new", b"new"),
    ]
)


@pytest.mark.parametrize("outer", ["plain", "gzip", "zstd"])
def test_a_saved_archive_is_loaded_whatever_it_is_packed_with(
    store: Images, load: Callable[[bytes], object], outer: str
) -> None:
    load(PACK[outer](docker_save([BOTTOM, TOP], "app:1")))

    (image,) = store.list("team")
    assert image.references == ("docker.io/library/app:1",)
    assert len(image.layers) == 2


@pytest.mark.parametrize("packing", ["plain", "gzip", "zstd"])
def test_a_layout_is_loaded_whatever_its_layers_are_packed_with(
    store: Images, load: Callable[[bytes], object], packing: str
) -> None:
    load(layout([BOTTOM, TOP], "example.org/app:2", packing))

    assert store.resolve("team", "example.org/app:2").id == store.list("team")[0].id


def test_the_same_image_has_one_id_however_it_came(
    store: Images, load: Callable[[bytes], object]
) -> None:
    load(docker_save([BOTTOM, TOP], "app:1"))
    load(layout([BOTTOM, TOP], "app:2", "gzip"))

    (image,) = store.list("team")
    assert set(image.references) == {"docker.io/library/app:1", "docker.io/library/app:2"}


def test_layers_come_topmost_first_with_owners_modes_and_whiteouts(
    store: Images, load: Callable[[bytes], object]
) -> None:
    load(docker_save([BOTTOM, TOP], "app:1"))

    top, bottom = (Path(layer) for layer in store.resolve("team", "app:1").layers)
    tool = (bottom / "etc/tool").stat()
    assert (stat.S_IMODE(tool.st_mode), tool.st_uid) == (0o4755, 7)
    assert os.readlink(bottom / "etc/link") == "/etc/old"
    whiteout = (top / "etc/old").lstat()
    assert stat.S_ISCHR(whiteout.st_mode)
    assert whiteout.st_rdev == 0
    assert os.getxattr(top / "gone", "trusted.overlay.opaque") == b"y"


def test_a_name_that_is_given_again_leaves_the_older_image(
    store: Images, load: Callable[[bytes], object]
) -> None:
    load(docker_save([BOTTOM], "app:1"))
    first = store.resolve("team", "app:1").id
    load(docker_save([BOTTOM, TOP], "app:1"))

    assert store.resolve("team", "app:1").id != first
    assert store.resolve("team", first).id == first


def test_teams_do_not_see_each_others_images(store: Images, load: Callable[..., object]) -> None:
    load(docker_save([BOTTOM], "app:1"), "one")

    with pytest.raises(NotFound):
        store.resolve("two", "app:1")


def test_an_image_in_use_is_kept_and_one_that_is_not_goes_with_its_layers(
    root: Path, store: Images, load: Callable[[bytes], object]
) -> None:
    load(docker_save([BOTTOM, TOP], "app:1"))
    image = store.resolve("team", "app:1")

    with pytest.raises(Conflict, match="shop"):
        store.delete("team", "app:1", in_use={image.id: "shop"})
    assert store.resolve("team", "app:1") == image

    store.delete("team", "app:1", in_use={})
    assert store.list("team") == []
    assert not any(os.path.exists(layer) for layer in image.layers)
    assert list((root / "data/engine/blobs/sha256").iterdir()) == []


def test_a_layer_that_another_team_needs_stays(store: Images, load: Callable[..., object]) -> None:
    load(docker_save([BOTTOM], "app:1"), "one")
    load(docker_save([BOTTOM], "app:1"), "two")

    store.delete("one", "app:1", in_use={})

    assert all(os.path.isdir(layer) for layer in store.resolve("two", "app:1").layers)


def test_the_starter_has_one_id_for_one_busybox(store: Images) -> None:
    first, second = store.starter("one"), store.starter("two")

    assert first.id == second.id
    image = store.resolve("one", "starter")
    assert image.config.cmd == ("/bin/sh",)
    assert os.readlink(f"{image.layers[0]}/bin/ls") == "/bin/busybox"


def test_nothing_but_the_image_is_left_of_a_load(
    root: Path, load: Callable[[bytes], object]
) -> None:
    load(docker_save([BOTTOM], "app:1"))

    assert list((root / "data/engine/uploads").iterdir()) == []
    names = os.listdir(root / "data/engine/layers")
    assert [name for name in names if name.endswith((".tmp", ".gone"))] == []


def test_a_layer_that_is_deleted_before_its_new_image_has_a_name_is_unpacked_again(
    root: Path, store: Images, load: Callable[[bytes], object]
) -> None:
    load(docker_save([BOTTOM], "app:1"))
    deleted: list[str] = []

    class Deletes(NullSink):
        def cancelled(self) -> bool:
            """Asked while layers are unpacked: BOTTOM was found to be there, TOP is on its way."""
            names = os.listdir(root / "data/engine/layers")
            if not deleted and any(name.endswith(".tmp") for name in names):
                deleted.append(store.delete("team", "app:1", in_use={}).id)
            return False

    file = root / "archive"
    file.write_bytes(docker_save([BOTTOM, TOP], "app:2"))
    store.load(str(file), namespace="team", sink=Deletes())

    assert len(deleted) == 1
    layers = store.resolve("team", "app:2").layers
    assert len(layers) == 2
    assert all(os.path.isdir(layer) for layer in layers)


def test_a_lock_that_was_taken_off_holds_nobody_up(root: Path) -> None:
    layers = Layers(str(root))
    os.mkdir(root / "layers")
    lock = root / f"layers/.{'a' * 64}.lock"
    held = locks.acquire(str(lock))
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(layers.delete, f"sha256:{'a' * 64}")
        try:
            time.sleep(0.2)
            lock.unlink()
        finally:
            os.close(held)
        waits.result(timeout=20)
    assert os.listdir(root / "layers") == []
