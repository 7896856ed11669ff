"""What a restore refuses to unpack."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from panel.host import backup
from panel.host.errors import HostRefused


def archive(path: Path, members: dict[str, bytes], *, kind: bytes = tarfile.REGTYPE) -> str:
    with tarfile.open(path, "w:gz") as file:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.type, member.linkname = len(content), kind, "/etc/passwd"
            file.addfile(member, io.BytesIO(content))
    return str(path)


def manifest(**changed: object) -> bytes:
    return json.dumps({"format": 1, "database": "database.sqlite3"} | changed).encode()


@pytest.mark.parametrize("name", ["../evil", "/etc/cron.d/evil", "secrets/secret_key"])
def test_a_member_that_no_backup_has_is_refused(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path / "b", {name: b"", "manifest.json": manifest()})
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    with pytest.raises(HostRefused, match="is no backup"):
        backup._unpack(path, str(scratch))

    assert list(scratch.iterdir()) == []


def test_a_link_by_a_known_name_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "b", {"secret_key": b""}, kind=tarfile.SYMTYPE)

    with pytest.raises(HostRefused, match="is no backup"):
        backup._unpack(path, str(tmp_path))


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "b", {"manifest.json": manifest(format=2)})

    with pytest.raises(HostRefused, match="newer Moorage: format 2"):
        backup._unpack(path, str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_what_is_no_archive_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b").write_bytes(content)

    with pytest.raises(HostRefused, match="cannot be read as a backup"):
        backup._unpack(str(tmp_path / "b"), str(tmp_path))
