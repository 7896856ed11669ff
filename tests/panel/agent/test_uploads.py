"""Archives on their way to the bulk worker."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from panel.accounts.actors import Actor
from panel.agent import uploads
from panel.operations.models import Operation
from panel.operations.submit import submit
from runtime.errors import Exhausted, InvalidSpec
from runtime.streams.server import HungUp

NAME = "a" * 32


def test_an_upload_is_stored_whole_for_root_only(tmp_path: Path) -> None:
    stored = uploads.store(str(tmp_path), NAME, [b"one", b"two"], 6)

    path = tmp_path / NAME
    assert stored == {
        "upload": NAME,
        "size": 6,
        "sha256": hashlib.sha256(b"onetwo").hexdigest(),
    }
    assert path.read_bytes() == b"onetwo"
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise HungUp("the client is gone")

    with pytest.raises(HungUp):
        uploads.store(str(tmp_path), NAME, broken(), 8)

    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("announced", [2, 4])
def test_other_bytes_than_announced_are_refused(tmp_path: Path, announced: int) -> None:
    with pytest.raises(InvalidSpec, match="announced"):
        uploads.store(str(tmp_path), NAME, [b"abc"], announced)

    assert os.listdir(tmp_path) == []


def test_an_upload_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LARGEST_BYTES", 10)

    with pytest.raises(Exhausted, match="larger than 10"):
        uploads.store(str(tmp_path), NAME, [b"x" * 6] * 2, None)

    assert os.listdir(tmp_path) == []


def test_an_upload_leaves_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "panel.agent.uploads.shutil.disk_usage", lambda _: SimpleNamespace(free=1000)
    )

    with pytest.raises(Exhausted, match="1000 bytes left"):
        uploads.store(str(tmp_path), NAME, [b"x"], None)

    assert os.listdir(tmp_path) == []


def test_an_upload_never_follows_a_link_nor_replaces_a_file(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / NAME).symlink_to(victim)

    with pytest.raises(OSError, match="exist"):
        uploads.store(str(tmp_path), NAME, [b"x"], None)

    assert victim.read_bytes() == b"precious"


def test_old_uploads_that_nobody_waits_for_are_dropped(tmp_path: Path, alice: Actor) -> None:
    names = {"wanted": "b" * 32, "old": "c" * 32, "new": "d" * 32}
    for name in names.values():
        (tmp_path / name).write_bytes(b"x")
    for name in ("wanted", "old"):
        os.utime(tmp_path / names[name], (1, 1))
    submit("image.load", actor=alice, params={"upload": names["wanted"]})
    assert Operation.objects.count() == 1

    assert uploads.drop_abandoned(str(tmp_path)) == 1

    assert sorted(os.listdir(tmp_path)) == sorted([names["wanted"], names["new"]])
