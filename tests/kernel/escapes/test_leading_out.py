"""Links and devices of an image, still or moving, lead neither mounts nor masks outside."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Counts
from tests.kernel.lab import Lab, make_layer, until
from tests.kernel.runtimes import Done, Runtime

pytestmark = pytest.mark.kernel

Programs = Callable[[str], Path]


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A directory of the host that must stay as it is."""
    made = tmp_path / "victim"
    made.mkdir()
    (made / "file").write_text("untouched")
    return made


def is_untouched(victim: Path) -> bool:
    """Say whether the host's directory is as it was."""
    return os.listdir(victim) == ["file"] and (victim / "file").read_text() == "untouched"


def tried(runtime: Runtime, bundle: Path, **changes: Any) -> Done:
    """Run a bundle whose configuration has these fields instead; it may be refused."""
    config = json.loads((bundle / "config.json").read_text())
    (bundle / "config.json").write_text(json.dumps(config | changes))
    done = runtime.run(bundle, check=False)
    assert "Traceback" not in done.err, done.err
    return done


def link(kind: str, victim: Path) -> str:
    """Return where a link of the image leads: to the victim, in one of two ways."""
    return str(victim) if kind == "absolute" else f"{'../' * 20}{str(victim)[1:]}"


@pytest.mark.parametrize("kind", ["absolute", "climbing"])
@pytest.mark.parametrize("mounted", [True, False], ids=["with a mount there", "without"])
def test_a_dev_that_is_a_link_gets_no_node_outside(
    runtime: Runtime, victim: Path, kind: str, mounted: bool
) -> None:
    """CVE-2026-41579: nodes and links of /dev made through a link of the image."""
    bundle = runtime.bundle("/bin/true")
    (bundle / "rootfs/dev").symlink_to(link(kind, victim))
    config = json.loads((bundle / "config.json").read_text())
    mounts = [one for one in config["mounts"] if mounted or one["destination"] != "/dev"]

    tried(runtime, bundle, mounts=mounts)

    assert is_untouched(victim)


def test_the_same_link_leads_outside_where_paths_are_followed(
    runtime: Runtime, victim: Path
) -> None:
    bundle = runtime.bundle("/bin/true")
    (bundle / "rootfs/dev").symlink_to(link("absolute", victim))

    os.mkdir(bundle / "rootfs/dev/pts")

    assert not is_untouched(victim)


@pytest.mark.parametrize("name", ["null", "console", "ptmx", "fd", "pts"])
def test_a_device_of_the_image_that_is_a_link_is_neither_used_nor_followed(
    lab: Lab, tmp_path: Path, victim: Path, name: str
) -> None:
    """CVE-2025-31133 and CVE-2025-52565: masks and consoles through what the image has in /dev."""
    layer = make_layer(tmp_path / "layer")
    (layer / "dev").mkdir()
    (layer / "dev" / name).symlink_to(victim / "file")
    script = "wc -c < /proc/interrupts; stat -c %t:%T /proc/interrupts; test -e /dev/pts/ptmx"

    code, text = lab.run("/bin/sh", "-c", script, lower=(str(layer),))

    assert (code, text.split()) == (0, ["0", "1:3"])
    assert is_untouched(victim)


def test_a_null_device_of_the_image_does_not_mask_for_bundles_either(
    runtime: Runtime, victim: Path
) -> None:
    bundle = runtime.bundle("/bin/true")
    (bundle / "rootfs/dev").mkdir()
    (bundle / "rootfs/dev/null").symlink_to(victim / "file")
    config = json.loads((bundle / "config.json").read_text())
    mounts = [one for one in config["mounts"] if not one["destination"].startswith("/dev")]
    linux = config["linux"] | {"maskedPaths": ["/proc/interrupts"]}

    done = tried(runtime, bundle, mounts=mounts, linux=linux)

    assert done.code != 0
    assert "/dev/null" in done.err
    assert is_untouched(victim)


@pytest.mark.parametrize("name", ["proc", "sys"])
def test_a_link_in_the_place_of_procfs_does_not_catch_what_is_written_there(
    runtime: Runtime, victim: Path, name: str
) -> None:
    """CVE-2019-19921: what the runtime writes to /proc lands in a tree that somebody prepared."""
    bundle = runtime.bundle("/bin/true", process={"oomScoreAdj": 100})
    (bundle / "rootfs" / name).symlink_to(link("absolute", victim))
    config = json.loads((bundle / "config.json").read_text())
    mounts = [*config["mounts"], {"destination": "/sys", "type": "sysfs", "source": "sysfs"}]
    linux = config["linux"] | {"sysctl": {"net.ipv4.ip_forward": "1"}}

    tried(runtime, bundle, mounts=mounts, linux=linux)

    assert is_untouched(victim)


@pytest.mark.parametrize("number", [3, 5, 7, 9, 11])
@pytest.mark.parametrize("linked", [True, False], ids=["by a link", "by its name"])
def test_a_bundle_does_not_begin_in_a_directory_of_the_host(
    runtime: Runtime, number: int, linked: bool
) -> None:
    """CVE-2024-21626: a descriptor of the host that was still open, as working directory."""
    where = f"/proc/self/fd/{number}"
    bundle = runtime.bundle("/bin/ls", "-a", ".", process={"cwd": "/door" if linked else where})
    (bundle / "rootfs/door").symlink_to(where)

    done = tried(runtime, bundle)

    assert done.code != 0
    assert done.out == ""


@pytest.fixture
def volume(tmp_path: Path, victim: Path) -> Path:
    """A directory that two containers share: `a` is a directory in it, `b` a link to the victim."""
    made = tmp_path / "volume"
    (made / "a").mkdir(parents=True)
    (made / "b").symlink_to(victim)
    return made


@contextmanager
def flipping(runtime: Runtime, program: Path, volume: Path) -> Iterator[None]:
    """Exchange `a` and `b` of the volume over and over in a container; put them back then."""
    bundle = runtime.bundle("/flip", "/volume/a", "/volume/b")
    shutil.copy(program, bundle / "rootfs/flip")
    share(bundle, volume)
    box = runtime.name()
    words = runtime.command("run", "--bundle", str(bundle), box)
    with subprocess.Popen(words, stdin=subprocess.DEVNULL) as running:
        try:
            until(lambda: not (volume / "b").is_symlink())
            yield
        finally:
            runtime("kill", box, "KILL")
            running.wait(20)
    if (volume / "a").is_symlink():
        (volume / "a").rename(volume / "c")
        (volume / "b").rename(volume / "a")


def share(bundle: Path, volume: Path, *more: dict[str, Any]) -> None:
    """Bind the volume in a bundle, and mount what else is wanted."""
    config = json.loads((bundle / "config.json").read_text())
    bind = {"destination": "/volume", "source": str(volume), "options": ["bind"]}
    config["mounts"] += [bind, *more]
    (bundle / "config.json").write_text(json.dumps(config))


def test_a_mount_point_that_becomes_a_link_meanwhile_leads_no_mount_outside(
    runtime: Runtime, programs: Programs, volume: Path, victim: Path, counts: Counts
) -> None:
    """CVE-2021-30465, CVE-2018-15664 and CVE-2024-45310: a neighbour exchanges what was checked."""
    before = Path("/proc/self/mountinfo").read_text()
    inner = {"destination": "/volume/a/inner/deep", "type": "tmpfs", "source": "tmpfs"}
    with flipping(runtime, programs("flip"), volume):
        for _ in range(counts(30, full=1000)):
            bundle = runtime.bundle("/bin/true")
            share(bundle, volume, inner)
            tried(runtime, bundle)
            shutil.rmtree(bundle)
    bundle = runtime.bundle("/bin/true")
    share(bundle, volume, inner)

    assert tried(runtime, bundle).code == 0  # it was the exchange that refusals came from
    assert is_untouched(victim)
    assert Path("/proc/self/mountinfo").read_text() == before


def test_the_same_exchange_leads_outside_whoever_follows_paths(
    runtime: Runtime, programs: Programs, volume: Path, victim: Path
) -> None:
    deadline = time.monotonic() + 20
    with flipping(runtime, programs("flip"), volume):
        for number in range(1_000_000):
            os.makedirs(volume / "a" / f"inner-{number}", exist_ok=True)
            if not is_untouched(victim) or time.monotonic() > deadline:
                break

    assert not is_untouched(victim)
