"""What update of our command line does beside what every runtime does."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.kernel.runtimes import Runtime

pytestmark = pytest.mark.kernel

GROUPS = Path("/sys/fs/cgroup")
FUSE = {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"}


def running(runtime: Runtime) -> str:
    """Start a container with limits."""
    resources = {"pids": {"limit": 77}, "devices": [FUSE]}
    bundle = runtime.bundle("/bin/sleep", "1000", linux={"resources": resources})
    box = runtime.create(bundle)
    runtime("start", box)
    return box


def read(box: str, name: str) -> str:
    """Return a control file, in whichever hierarchy it is."""
    for path, _, files in os.walk(GROUPS):
        if path.endswith(f"/moorage-oci-{box}") and name in files:
            return (Path(path) / name).read_text().strip()
    raise FileNotFoundError(name)


def test_when_one_limit_is_refused_none_is_changed(runtime: Runtime) -> None:
    box = running(runtime)

    flags = ("--cpu-share", "512", "--cpuset-cpus", "4000")
    done = runtime("update", *flags, box, check=False)

    assert done.code == 1
    assert "cpuset.cpus" in done.err
    assert read(box, "cpu.shares") == "1024"


def test_memory_and_swap_grow_and_shrink_together(runtime: Runtime) -> None:
    box = running(runtime)
    told = []
    for size in ("64m", "256m", "32m", "-1"):
        done = runtime("update", "--memory", size, "--memory-swap", size, box, check=False)
        told.append(done.err)

    assert told == [""] * 4


def test_one_of_quota_and_period_keeps_the_other(runtime: Runtime) -> None:
    box = running(runtime)

    runtime("update", "--cpu-quota", "30000", "--cpu-period", "60000", box)
    runtime("update", "--cpu-period", "50000", box)

    assert read(box, "cpu.cfs_quota_us") == "30000"
    assert read(box, "cpu.cfs_period_us") == "50000"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--kernel-memory", "5m", "box"), "linux.resources.memory.kernel: the kernel has no"),
        (("--memory", "much", "box"), "--memory: 'much'"),
        (("--memory-swap", "5m", "box"), "linux.resources.memory.swap: needs a limit"),
        (("--resources", "/no/file", "box"), "--resources: /no/file"),
        (("--resources", "/no/file", "--memory", "5m", "box"), "must be no limits beside it"),
        (("--pids-limit", "-7", "box"), "linux.resources.pids.limit"),
    ],
)
def test_what_makes_no_sense_is_named(runtime: Runtime, words: tuple[str, ...], told: str) -> None:
    box = running(runtime)

    done = runtime("update", *words[:-1], box, check=False)

    assert done.code == 1
    assert told in done.err


def test_rules_of_devices_can_but_be_repeated(runtime: Runtime, tmp_path: Path) -> None:
    box = running(runtime)
    file = tmp_path / "resources"

    file.write_text(json.dumps({"devices": [FUSE], "pids": {"limit": 5}}))
    runtime("update", "--resources", str(file), box)
    file.write_text(json.dumps({"devices": [{"allow": True, "access": "rwm"}]}))
    refused = runtime("update", "--resources", str(file), box, check=False)

    assert read(box, "pids.max") == "5"
    assert "linux.resources.devices: cannot be changed" in refused.err


def test_without_a_cgroup_there_is_nothing_to_change(runtime: Runtime) -> None:
    box = runtime.name()
    bundle = runtime.bundle("/bin/sleep", "1000")
    runtime("--cgroup-manager=disabled", "create", "--bundle", str(bundle), box)

    for words in (("update", "--pids-limit", "5"), ("pause",)):
        assert "has no cgroup" in runtime(*words, box, check=False).err
