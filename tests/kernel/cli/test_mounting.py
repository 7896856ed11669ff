"""Mounts of our command line that other runtimes have not, or otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.runtimes import Runtime, give_to_root_inside, user_namespace

pytestmark = pytest.mark.kernel

SCRIPT = "stat -c %u:%g /data/file; echo > /data/new; stat -c %u:%g /data/new"


def with_mount(bundle: Path, **mount: Any) -> Path:
    """Add a mount to a bundle."""
    config = json.loads((bundle / "config.json").read_text())
    config["mounts"].append(mount)
    (bundle / "config.json").write_text(json.dumps(config))
    return bundle


def data(runtime: Runtime) -> Path:
    """Make a directory with a file, both root's."""
    made = runtime.directory / "data"
    made.mkdir(mode=0o777)
    (made / "file").touch()
    return made


def test_ids_of_a_mount_are_shown_as_others(runtime: Runtime) -> None:
    source = data(runtime)
    mapping = [{"containerID": 0, "hostID": 5000, "size": 10}]
    user = {"uid": 5003, "gid": 5000}
    bundle = runtime.bundle("/bin/sh", "-c", SCRIPT, process={"user": user})
    source.chmod(0o777)
    with_mount(
        bundle,
        destination="/data",
        source=str(source),
        options=["bind", "ridmap"],
        uidMappings=mapping,
        gidMappings=mapping,
    )

    told = runtime.run(bundle).out.split()

    assert told == ["5000:5000", "5003:5000"]
    about = (source / "new").stat()
    assert (about.st_uid, about.st_gid) == (3, 0)


def test_without_mappings_those_of_the_container_are_taken(runtime: Runtime) -> None:
    source = data(runtime)
    bundle = runtime.bundle("/bin/sh", "-c", SCRIPT, linux=user_namespace())
    with_mount(
        give_to_root_inside(bundle),
        destination="/data",
        source=str(source),
        options=["rbind", "idmap"],
    )

    assert runtime.run(bundle).out.split() == ["0:0", "0:0"]
    assert (source / "new").stat().st_uid == 0


def test_there_must_be_something_to_map_by(runtime: Runtime) -> None:
    bundle = runtime.bundle("/bin/true")
    with_mount(bundle, destination="/data", source="/srv", options=["bind", "idmap"])

    assert "mounts[3].options: idmap needs mappings" in runtime.run(bundle, check=False).err


def test_what_a_tmpfs_has_no_room_for_is_told(runtime: Runtime) -> None:
    bundle = runtime.bundle("/bin/true")
    (bundle / "rootfs/big").mkdir()
    (bundle / "rootfs/big/file").write_bytes(bytes(1 << 20))
    with_mount(bundle, destination="/big", type="tmpfs", options=["tmpcopyup", "size=64k"])

    done = runtime.run(bundle, check=False)

    assert done.code == 1
    assert "file (tmpcopyup): No space left" in done.err


def test_a_read_only_tmpfs_is_filled_before(runtime: Runtime) -> None:
    bundle = runtime.bundle("/bin/sh", "-c", "head -1 /etc/passwd; touch /etc/new 2>&1; true")
    with_mount(bundle, destination="/etc", type="tmpfs", options=["tmpcopyup", "ro"])

    told = runtime.run(bundle).out

    assert told.startswith("root:x:0:0")
    assert "Read-only file system" in told
