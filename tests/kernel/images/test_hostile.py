"""Archives that attack: refused with a reason, or harmless; the host stays as it was."""

from __future__ import annotations

import json
import os
import tarfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.errors import Exhausted, InvalidSpec, RuntimeFault
from runtime.images.images import Images
from runtime.snapshots.layers import Layers
from tests.kernel.images.handmade import Member, config, digest, docker_save, layout, tar

pytestmark = pytest.mark.kernel
LINK, HARD, DIRECTORY = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE


def attempts(outside: Path) -> dict[str, list[Member]]:
    there = str(outside)
    up = "../" * 12
    return {
        "a name with ..": [Member(f"{up}{there}/new", b"x")],
        "a name with .. inside": [Member(f"a/../../{up}{there}/new", b"x")],
        "an absolute name": [Member(f"{there}/new", b"x")],
        "a file through a symlink": [
            Member("d", kind=LINK, link=there),
            Member("d/new", b"x"),
        ],
        "a file in place of a symlink": [
            Member("f", kind=LINK, link=f"{there}/secret"),
            Member("f", b"overwritten"),
        ],
        "a directory through a symlink": [
            Member("d", kind=LINK, link=there),
            Member("d", kind=DIRECTORY, mode=0o777),
        ],
        "a hard link to an absolute name": [Member("h", kind=HARD, link=f"{there}/secret")],
        "a hard link with ..": [Member("h", kind=HARD, link=f"{up}{there}/secret")],
        "a hard link through a symlink": [
            Member("d", kind=LINK, link=there),
            Member("h", kind=HARD, link="d/secret"),
            Member("h", b"overwritten"),
        ],
        "a whiteout through a symlink": [
            Member("d", kind=LINK, link=there),
            Member("d/.wh.secret"),
        ],
        "an opaque mark through a symlink": [
            Member("d", kind=LINK, link=there),
            Member("d/.wh..wh..opq"),
        ],
        "a whiteout of ..": [Member("d/.wh...")],
        "a block device": [Member("disk", kind=tarfile.BLKTYPE, device=(8, 0))],
        "a character device": [Member("mem", kind=tarfile.CHRTYPE, device=(1, 1))],
        "a root that is a symlink": [Member("./", kind=LINK, link=there)],
    }


@pytest.mark.parametrize("name", list(attempts(Path("/x"))))
def test_no_layer_reaches_the_host(
    store: Images, load: Callable[[bytes], object], outside: Path, name: str
) -> None:
    layer = tar(attempts(outside)[name])

    try:
        load(docker_save([layer], "evil:1"))
    except RuntimeFault:
        assert store.list("team") == []
        return
    root = store.resolve("team", "evil:1").layers[0]
    for directory, _, files in os.walk(root):
        for file in files:
            told = os.lstat(f"{directory}/{file}")
            assert told.st_rdev == 0, "a device node was made"
            assert told.st_ino != (outside / "secret").stat().st_ino


@pytest.mark.parametrize("name", ["a block device", "a character device"])
def test_device_nodes_are_refused_by_name(
    load: Callable[[bytes], object], outside: Path, name: str
) -> None:
    with pytest.raises(InvalidSpec, match="device node"):
        load(docker_save([tar(attempts(outside)[name])], "evil:1"))


@pytest.mark.parametrize("name", ["dev", "proc", "sys"])
def test_an_image_may_have_links_there_and_nothing_follows_them(
    store: Images, load: Callable[[bytes], object], outside: Path, name: str
) -> None:
    load(docker_save([tar([Member(name, kind=LINK, link=str(outside))])], "evil:1"))

    assert os.readlink(f"{store.resolve('team', 'evil:1').layers[0]}/{name}") == str(outside)


def test_a_bomb_of_10_gib_ends_soon_and_leaves_nothing(
    root: Path, store: Images, load: Callable[[bytes], object]
) -> None:
    started = time.monotonic()

    with pytest.raises(Exhausted, match="times its size"):
        load(bomb(10 * 1024**3))

    assert time.monotonic() - started < 60
    assert store.list() == []
    assert list((root / "data/engine/uploads").iterdir()) == []


@pytest.mark.parametrize("packing", ["plain", "gzip", "zstd"])
def test_a_layer_with_another_digest_is_refused(
    root: Path, store: Images, load: Callable[[bytes], object], packing: str
) -> None:
    with pytest.raises(InvalidSpec, match="was promised"):
        load(layout([tar([Member("a", b"a")])], "evil:1", packing, lie=True))

    assert store.list() == []


def test_a_layer_whose_id_is_a_path_is_refused(root: Path, load: Callable[[bytes], object]) -> None:
    """Such a path could lead to a directory that a container has prepared."""
    prepared = root / "prepared"
    prepared.mkdir()
    (prepared / "fs").symlink_to("/")
    content = tar([Member("x", b"x")])
    relative = f"./{'../' * 30}{str(prepared)[1:]}"
    (prepared / "layer.json").write_text(
        json.dumps({"chain_id": relative, "diff_id": relative, "size": 1, "highest_id": 0})
    )
    lying = json.loads(config(content))
    lying["rootfs"]["diff_ids"] = [relative]

    with pytest.raises(InvalidSpec, match="diff_ids"):
        load(docker_save([content], "path:latest", json.dumps(lying).encode()))
    layers = Layers(f"{root}/data/engine")
    for touch in (layers.find, layers.delete, layers.path):
        with pytest.raises(InvalidSpec, match="layer"):
            touch(relative)
    assert sorted(path.name for path in prepared.iterdir()) == ["fs", "layer.json"]


def test_indexes_that_name_each_other_without_end_are_refused(
    load: Callable[[bytes], object],
) -> None:
    files: dict[str, bytes] = {}
    inner = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
    for _ in range(4):
        files[f"blobs/sha256/{digest(inner)[7:]}"] = inner
        entry = {
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "digest": digest(inner),
            "size": len(inner),
        }
        inner = json.dumps({"schemaVersion": 2, "manifests": [entry] * 100}).encode()
    files["index.json"] = inner
    files["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'

    with pytest.raises(Exhausted, match="documents"):
        load(tar([Member(name, content) for name, content in files.items()]))


def test_a_layer_that_unpacks_to_another_diff_id_is_refused(
    root: Path, store: Images, load: Callable[[bytes], object]
) -> None:
    promised = config(tar([Member("a", b"a")]))

    with pytest.raises(InvalidSpec, match="was promised"):
        load(docker_save([tar([Member("b", b"b")])], "evil:1", promised))

    assert store.list() == []
    assert [n for n in os.listdir(root / "data/engine/layers") if not n.endswith(".lock")] == []


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"not a tar at all",
        tar([Member("other", b"x")]),
        tar([Member("manifest.json", b"{")]),
        tar([Member("manifest.json", b"{}")]),
        tar([Member("manifest.json", b'[{"Config": "x", "Layers": []}]')]),
        tar([Member("manifest.json", json.dumps([{"Config": "../../etc/passwd"}]).encode())]),
        tar([Member("manifest.json", kind=LINK, link="/etc/passwd")]),
        tar([Member("index.json", b'{"schemaVersion": 2, "manifests": [1]}')]),
        tar([Member("manifest.json", b"[" * 100_000)]),
    ],
    ids=range(10),
)
def test_what_is_no_image_is_refused_with_a_reason(
    store: Images, load: Callable[[bytes], object], archive: bytes
) -> None:
    with pytest.raises((InvalidSpec, Exhausted)) as refused:
        load(archive)

    assert refused.value.code in ("invalid_spec", "exhausted")
    assert store.list() == []


def test_a_cut_archive_is_refused(store: Images, load: Callable[[bytes], object]) -> None:
    whole = docker_save([tar([Member("a", b"a" * 100_000)])], "cut:1")

    with pytest.raises(InvalidSpec):
        load(whole[: len(whole) // 2])

    assert store.list() == []


def test_owners_beyond_what_programs_understand_are_refused(
    load: Callable[[bytes], object],
) -> None:
    with pytest.raises(InvalidSpec, match="owner"):
        load(docker_save([tar([Member("a", uid=2**31)])], "evil:1"))


def bomb(size: int) -> bytes:
    """Return a gzip of an archive with one member of `size` zeros, made without holding it."""
    info = tarfile.TarInfo("layer.tar")
    info.size = size
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(info.tobuf(tarfile.PAX_FORMAT))]
    piece = bytes(16 * 1024**2)
    parts += [packer.compress(piece) for _ in range(size // len(piece))]
    return b"".join([*parts, packer.compress(bytes(1024)), packer.flush()])


def test_a_layer_of_another_team_is_not_had_by_naming_its_digest(
    store: Images, load: Callable[..., object]
) -> None:
    secret = tar([Member("secret", b"secret")])
    other = tar([Member("other", b"other")])
    load(docker_save([secret], "app:1"), "one")
    for packed in (docker_save([other], "app:2", config(secret)), named_only(secret, other)):
        with pytest.raises(InvalidSpec, match="promised"):
            load(packed, "two")
    assert store.list("two") == []

    load(docker_save([secret], "app:3"), "two")  # who has it may have it
    assert store.resolve("two", "app:3").layers == store.resolve("one", "app:1").layers


def named_only(secret: bytes, other: bytes) -> bytes:
    """Two images: the first has the other layer, the second claims the secret one on top of it."""
    manifest = [
        {"Config": "1.json", "RepoTags": ["first:1"], "Layers": ["layer.tar"]},
        {"Config": "2.json", "RepoTags": ["second:1"], "Layers": ["layer.tar"]},
    ]
    return tar(
        [
            Member("manifest.json", json.dumps(manifest).encode()),
            Member("1.json", config(other)),
            Member("2.json", config(secret)),
            Member("layer.tar", other),
        ]
    )
