"""What a new filesystem covers is copied into it as it is, and nothing else is."""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.abi import O_PATH
from runtime.errors import KernelRefused
from runtime.isolation.copyup import copy_up

pytestmark = pytest.mark.kernel

CAPABILITY = struct.pack("<5I", 0x0200_0001, 1 << 10, 0, 0, 0)
"""cap_net_bind_service=ep, as capabilities(7) lays it out (VFS_CAP_REVISION_2)."""

Copy = Callable[..., Path]


@pytest.fixture
def copied(tmp_path: Path) -> Copy:
    """Return a function that copies a directory and returns the copy."""

    def copy(source: Path, *, top: bool = False) -> Path:
        target = tmp_path / "target"
        target.mkdir(mode=0o755)
        old, new = (os.open(path, O_PATH | os.O_DIRECTORY) for path in (source, target))
        try:
            copy_up(old, new, top=top)
        finally:
            os.close(old)
            os.close(new)
        return target

    return copy


def test_owners_modes_times_and_contents_are_kept(copied: Copy, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep/down").mkdir(parents=True)
    (source / "deep/down/file").write_bytes(b"x" * 3_000_000)
    os.chown(source / "deep/down/file", 1000, 33)
    (source / "deep/down/file").chmod(0o4751)
    (source / "deep").chmod(0o1777)
    os.utime(source / "deep", (1, 2))

    made = copied(source)

    file = (made / "deep/down/file").stat()
    assert (made / "deep/down/file").read_bytes() == b"x" * 3_000_000
    assert (file.st_uid, file.st_gid, stat.S_IMODE(file.st_mode)) == (1000, 33, 0o4751)
    assert stat.S_IMODE((made / "deep").stat().st_mode) == 0o1777
    assert (made / "deep").stat().st_mtime == 2


@pytest.mark.parametrize(("top", "mode"), [(True, 0o750), (False, 0o755)])
def test_the_top_is_as_the_covered_one_where_options_do_not_say(
    copied: Copy, tmp_path: Path, top: bool, mode: int
) -> None:
    source = tmp_path / "source"
    source.mkdir(mode=0o750)

    assert stat.S_IMODE(copied(source, top=top).stat().st_mode) == mode


def test_links_are_copied_and_not_followed(copied: Copy, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "secret").write_text("of the host")
    (source / "link").symlink_to(tmp_path / "secret")
    (source / "nowhere").symlink_to("nowhere")

    made = copied(source)

    assert os.readlink(made / "link") == str(tmp_path / "secret")
    assert os.readlink(made / "nowhere") == "nowhere"


def test_nothing_waits_for_a_pipe_and_devices_stay_devices(copied: Copy, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    os.mkfifo(source / "pipe", 0o640)
    os.mknod(source / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "socket"))

    made = copied(source)

    assert sorted(os.listdir(made)) == ["null", "pipe"]
    assert stat.S_ISFIFO((made / "pipe").stat().st_mode)
    assert (made / "null").stat().st_rdev == os.makedev(1, 3)


def test_capabilities_of_files_are_kept(copied: Copy, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "ping").touch(mode=0o755)
    os.setxattr(source / "ping", "security.capability", CAPABILITY)

    made = copied(source)

    assert os.getxattr(made / "ping", "security.capability") == CAPABILITY


def test_what_is_in_the_way_is_told(copied: Copy, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").touch()
    (tmp_path / "target").mkdir()
    (tmp_path / "target/file").touch()
    old, new = (os.open(tmp_path / name, O_PATH) for name in ("source", "target"))

    with pytest.raises(KernelRefused, match="tmpcopyup"):
        copy_up(old, new, top=False)

    os.close(old)
    os.close(new)
