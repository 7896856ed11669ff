"""Mounts of a bundle land where they should and are what their options say."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.abi import CLONE_NEWNS, MS_PRIVATE, O_PATH
from runtime.isolation.attach import attach_all
from runtime.kernel import mounts
from runtime.kernel.namespaces import unshare
from runtime.oci.config_mounts import parse_mount
from runtime.oci.reading import Fields
from tests.kernel.lab import ID_BASE

pytestmark = pytest.mark.kernel


@pytest.fixture
def tree() -> Iterator[Path]:
    """Make `root`, the bundle's, and `host` beside it, with a file."""
    made = Path(tempfile.mkdtemp(prefix="moorage-test-", dir="/var/tmp"))
    (made / "root").mkdir()
    (made / "host").mkdir()
    (made / "host/file").write_text("of the host")
    yield made
    shutil.rmtree(made)


def attached(
    tree: Path, *wanted: dict[str, Any], probe: str, before: str = "", owner: int = 0
) -> Any:
    """Attach in a child's own mount namespace; return what the expression `probe` is there.

    `before` is Python to run first; a fault is returned as its text.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, json.dumps(_inside(tree, wanted, (before, probe), owner)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return json.loads(told)


def _inside(
    tree: Path, wanted: tuple[dict[str, Any], ...], code: tuple[str, str], owner: int
) -> Any:
    root = tree / "root"
    before, probe = code
    names = {"tree": tree, "root": root, "os": os, "mounts": mounts, "flags_of": flags_of}
    try:
        unshare(CLONE_NEWNS)
        mounts.set_propagation("/", MS_PRIVATE)
        exec(before, names)
        descriptor = os.open(root, O_PATH | os.O_DIRECTORY)
        parsed = tuple(parse_mount(Fields(one, f"mounts[{n}]")) for n, one in enumerate(wanted))
        attach_all(parsed, descriptor, owner=owner)
        return eval(probe, names)
    except BaseException as fault:
        return f"{type(fault).__name__}: {fault}"


def flags_of(path: Path) -> list[str]:
    """Return the mount options, propagation and data of the newest mount at `path`."""
    lines = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    line = [line for line in lines if line[4] == str(path)][-1]
    return sorted({*line[5].split(","), line[6].partition(":")[0], *line[-1].split(",")})


def mount(destination: str, *options: str, **fields: Any) -> dict[str, Any]:
    """Return one of `mounts`."""
    return {"destination": destination, "options": list(options), **fields}


def bind(tree: Path, destination: str, *options: str, source: str = "host") -> dict[str, Any]:
    """Return a bind mount of something in the tree."""
    return mount(destination, "bind", *options, source=str(tree / source))


def test_a_filesystem_gets_its_attributes_and_its_own_options(tree: Path) -> None:
    wanted = mount("/new/tmp", "nosuid", "noexec", "noatime", "size=64k", type="tmpfs")

    flags = attached(tree, wanted, probe="flags_of(root / 'new/tmp')")

    assert {"nosuid", "noexec", "noatime", "size=64k", "rw"} <= set(flags)
    assert "nodev" not in flags


def test_a_bind_is_read_only_and_its_source_is_not(tree: Path) -> None:
    probe = "[os.access(p / 'file', os.W_OK) for p in (root / 'data', tree / 'host')]"

    assert attached(tree, bind(tree, "/data", "ro"), probe=probe) == [False, True]


def test_a_file_is_bound_to_a_file_that_is_made_for_it(tree: Path) -> None:
    wanted = bind(tree, "/etc/name", source="host/file")

    assert attached(tree, wanted, probe="(root / 'etc/name').read_text()") == "of the host"
    assert (tree / "root/etc/name").read_text() == ""


@pytest.mark.parametrize(("option", "below"), [("ro", "rw"), ("rro", "ro")])
def test_recursive_attributes_reach_what_is_mounted_below(
    tree: Path, option: str, below: str
) -> None:
    (tree / "host/sub").mkdir()
    before = (
        "from runtime.kernel import fsopen\n"
        "context = fsopen.fsopen('tmpfs'); fsopen.create(context)\n"
        "mounts.move_mount(fsopen.fsmount(context, 0), os.open(tree / 'host/sub', os.O_PATH))"
    )
    wanted = mount("/data", "rbind", option, source=str(tree / "host"))

    probe = "[flags_of(root / 'data'), flags_of(root / 'data/sub')]"
    top, inner = attached(tree, wanted, before=before, probe=probe)

    assert "ro" in top
    assert ("ro" in inner) == (below == "ro")


@pytest.mark.parametrize("option", ["shared", "private"])
def test_propagation_is_set(tree: Path, option: str) -> None:
    flags = attached(tree, bind(tree, "/data", option), probe="flags_of(root / 'data')")

    assert ("shared" in flags) == (option == "shared")


def test_a_link_of_the_tree_leads_nowhere_outside(tree: Path) -> None:
    (tree / "root/up").symlink_to("../../../../../../..")
    (tree / "root/out").symlink_to(tree / "host")

    climbed = attached(tree, mount("/up/made", type="tmpfs"), probe="flags_of(root / 'made')")
    away = attached(tree, mount("/out/new", type="tmpfs"), probe="'was taken'")

    assert "rw" in climbed
    assert away == "InvalidSpec: mounts[0].destination: /out/new: file exists"
    assert os.listdir(tree / "host") == ["file"]
    assert not Path("/made").exists()


def test_mount_points_are_made_as_their_owner(tree: Path) -> None:
    wanted = bind(tree, "/etc/name", source="host/file")

    assert attached(tree, wanted, probe="'was taken'", owner=ID_BASE) == "was taken"

    made = [os.lstat(tree / "root" / name).st_uid for name in ("etc", "etc/name")]
    assert made == [ID_BASE, ID_BASE]


def test_dots_stay_inside(tree: Path) -> None:
    wanted = mount("/../../deep/../here", type="tmpfs")

    assert "rw" in attached(tree, wanted, probe="flags_of(root / 'here')")


def test_nothing_is_mounted_inside_of_procfs_under_any_name(tree: Path) -> None:
    (tree / "root/proc").mkdir()
    (tree / "root/door").symlink_to("proc/sys")
    proc = mount("/proc", type="proc")

    for destination in ("/proc/sys", "/door"):
        told = attached(tree, proc, mount(destination, type="tmpfs"), probe="'was taken'")

        assert told.startswith("InvalidSpec: mounts[1].destination"), told
        assert "procfs" in told


def test_the_hosts_procfs_is_known_too(tree: Path) -> None:
    host = mount("/proc", "rbind", source="/proc")

    told = attached(tree, host, mount("/proc/sys", type="tmpfs"), probe="'was taken'")

    assert told.startswith("InvalidSpec: mounts[1].destination"), told


def test_files_that_tell_of_the_machine_may_be_covered(tree: Path) -> None:
    wanted = (mount("/proc", type="proc"), bind(tree, "/proc/uptime", source="host/file"))

    assert attached(tree, *wanted, probe="(root / 'proc/uptime').read_text()") == "of the host"


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"destination": "/x", "source": "/not/there", "options": ["bind"]}, "/not/there"),
        ({"destination": "/x", "type": "nofs"}, "nofs"),
        ({"destination": "/x", "type": "tmpfs", "options": ["shape=round"]}, "shape"),
    ],
)
def test_a_refusal_names_what_was_refused(tree: Path, wanted: dict[str, Any], told: str) -> None:
    assert told in attached(tree, wanted, probe="'was taken'")


def test_a_directory_cannot_cover_a_file_nor_a_file_a_directory(tree: Path) -> None:
    (tree / "root/file").write_text("")
    (tree / "root/directory").mkdir()

    for wanted in (bind(tree, "/file"), bind(tree, "/directory", source="host/file")):
        told = attached(tree, wanted, probe="'was taken'")

        assert told.startswith("InvalidSpec: mounts[0].destination: "), told
