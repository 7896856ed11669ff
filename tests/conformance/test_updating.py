"""Limits of a container that runs are changed: update. The same for every runtime."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kernel.lab import until
from tests.kernel.runtimes import Runtime

pytestmark = pytest.mark.kernel

MEBIBYTE = 1 << 20
GROUPS = Path("/sys/fs/cgroup")


def running(runtime: Runtime) -> str:
    """Start a container with limits."""
    resources = {
        "memory": {"limit": 64 * MEBIBYTE},
        "pids": {"limit": 77},
        "cpu": {"quota": 50_000, "period": 100_000, "shares": 512},
    }
    bundle = runtime.bundle("/bin/sleep", "1000", linux={"resources": resources})
    box = runtime.create(bundle)
    runtime("start", box)
    return box


def limit(runtime: Runtime, box: str, controller: str, file: str) -> str:
    """Return a control file of the container's group of v1."""
    lines = Path(f"/proc/{runtime.state(box)['pid']}/cgroup").read_text().splitlines()
    groups = dict(line.split(":", 1)[1].split(":", 1) for line in lines)
    return (GROUPS / controller / groups[controller].lstrip("/") / file).read_text().strip()


def test_flags_change_what_they_name(runtime: Runtime) -> None:
    box = running(runtime)

    flags = ("--memory", str(96 * MEBIBYTE), "--pids-limit", "33", "--cpu-share", "256")
    runtime("update", *flags, "--cpu-quota", "20000", box)

    assert limit(runtime, box, "memory", "memory.limit_in_bytes") == str(96 * MEBIBYTE)
    assert limit(runtime, box, "pids", "pids.max") == "33"
    assert limit(runtime, box, "cpu", "cpu.shares") == "256"
    assert limit(runtime, box, "cpu", "cpu.cfs_quota_us") == "20000"
    assert limit(runtime, box, "cpu", "cpu.cfs_period_us") == "100000"


def test_a_file_changes_what_it_names(runtime: Runtime, tmp_path: Path) -> None:
    box = running(runtime)
    resources = {"pids": {"limit": 21}, "cpu": {"period": 50_000, "quota": 10_000}}
    (tmp_path / "resources.json").write_text(json.dumps(resources))

    runtime("update", "--resources", str(tmp_path / "resources.json"), box)

    assert limit(runtime, box, "pids", "pids.max") == "21"
    assert limit(runtime, box, "cpu", "cpu.cfs_period_us") == "50000"
    assert limit(runtime, box, "memory", "memory.limit_in_bytes") == str(64 * MEBIBYTE)


def test_standard_input_is_a_file_too(runtime: Runtime, tmp_path: Path) -> None:
    box = running(runtime)
    (tmp_path / "in").write_text(json.dumps({"pids": {"limit": 22}}))

    with (tmp_path / "in").open() as stdin:
        runtime("update", "--resources", "-", box, stdin=stdin)

    assert limit(runtime, box, "pids", "pids.max") == "22"


def test_what_has_stopped_has_no_limits(runtime: Runtime) -> None:
    box = running(runtime)
    runtime("kill", box, "KILL")
    until(lambda: runtime.status(box) == "stopped")

    done = runtime("update", "--pids-limit", "33", box, check=False)

    # crun changes the group, which is still there
    assert (done.code != 0) == (runtime.program != "crun")
