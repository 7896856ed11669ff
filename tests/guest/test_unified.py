"""What is so on cgroup v2 alone."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.cgroups import cgroup as cgroups
from runtime.cgroups.layout import detect
from runtime.cgroups.oom import OomWatch
from runtime.cgroups.plan import Write
from runtime.cgroups.usage import ENDLESS, read_usage
from runtime.errors import KernelRefused
from runtime.oci.bundle import Resources
from runtime.system import doctor
from tests.kernel.containers.conftest import Instance, ended, shell, until

pytestmark = pytest.mark.kernel

ROOT = Path(__file__).parents[2]
TOP = Path("/sys/fs/cgroup")
IN_A_NAMESPACE = """
import subprocess, sys
sys.path.insert(0, sys.argv[1])
from runtime.cgroups import cgroup as cgroups
from runtime.oci.bundle import Resources
# Not mount(8), which keeps notes in /run.
subprocess.run(["busybox", "umount", "/sys/fs/cgroup"], check=True)
subprocess.run(["busybox", "mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"], check=True)
group = cgroups.create("inner/box", Resources(pids=5, memory_bytes=64 << 20, cpus=0.5))
print(open("/proc/self/cgroup").read().strip())
print(open(group.unified + "/pids.max").read().strip())
group.remove()
"""


@pytest.fixture
def outer() -> Iterator[cgroups.Cgroup]:
    name = f"moorage-test-{os.getpid()}"
    group = cgroups.create(f"{name}/outer", Resources())
    yield group
    group.close()
    cgroups.open_existing(name).remove()


def test_one_hierarchy_has_every_controller_that_limits_need() -> None:
    layout = detect()

    assert layout.mode == "v2"
    assert {"cpu", "memory", "pids"} <= set(layout.hierarchies[0].controllers)
    assert [fact for fact in doctor.examine() if fact.fatal] == []


def test_no_process_is_where_groups_are_below_it(instance: Instance) -> None:
    """What the kernel demands of every group but the root (cgroups(7))."""
    instance.run("sleep 60")

    groups = [Path(path) for path, _, _ in os.walk(TOP) if instance.engine.instance in path]
    inner = [group for group in groups if (group / "cgroup.subtree_control").read_text().strip()]
    busy = {group.name for group in groups if (group / "cgroup.procs").read_text().strip()}

    assert [group.name for group in inner] == [instance.engine.instance]
    assert len(busy - {"zygote"}) == 1
    assert instance.engine.instance not in busy


def test_a_new_zygote_takes_the_group_in_which_the_old_shims_are(instance: Instance) -> None:
    kept = instance.run("sleep 600")
    old, shim = instance.zygote, instance.shim(kept.id)
    os.kill(old, signal.SIGKILL)
    until(lambda: ended(old))

    engine = instance.reopen()
    late = engine.containers.start(engine.containers.create(shell("exit 3")).id)

    assert engine.containers.wait(late.id, timeout_seconds=20).exit_code == 3
    assert engine.containers.inspect(kept.id).pid == kept.pid
    group = f"0::/{instance.site.slice}/zygote"
    for pid in (instance.zygote, shim):
        assert Path(f"/proc/{pid}/cgroup").read_text().strip() == group
    engine.containers.kill(kept.id)
    assert engine.containers.wait(kept.id, timeout_seconds=20).exit_code == 137


def test_a_limit_that_comes_later_brings_its_controller(outer: cgroups.Cgroup) -> None:
    assert outer.unified is not None
    file = Path(outer.unified) / "cpuset.cpus"
    before = file.exists()

    outer.change((Write("cpuset", "cpuset.cpus", "0"), Write("pids", "pids.max", "9")))

    assert (before, file.read_text().strip()) == (False, "0")


def test_when_one_limit_is_refused_those_before_are_put_back(outer: cgroups.Cgroup) -> None:
    assert outer.unified is not None

    with pytest.raises(KernelRefused):
        outer.change((Write("pids", "pids.max", "9"), Write("cpu", "cpu.weight", "none")))

    assert (Path(outer.unified) / "pids.max").read_text().strip() == "max"


def test_everything_that_is_counted_is_told(outer: cgroups.Cgroup) -> None:
    told = read_usage(outer)

    assert told["pids"] == {"current": 0}
    assert told["memory"]["usage"]["limit"] == ENDLESS
    assert told["memory"]["swap"]["limit"] == ENDLESS
    assert told["memory"]["raw"]["pgfault"] >= 0
    assert {"total", "kernel", "user"} <= told["cpu"]["usage"].keys()


def test_a_kill_for_memory_is_noticed(outer: cgroups.Cgroup) -> None:
    outer.change((Write("memory", "memory.max", str(16 << 20)),))
    watch = OomWatch(outer)
    poll = select.poll()
    assert watch.fd is not None
    poll.register(watch.fd, watch.events)
    entering = f"echo $$ > {outer.unified}/cgroup.procs && exec tail /dev/zero"

    subprocess.run(["sh", "-c", entering], check=False)
    fired: list[bool] = []
    while poll.poll(5000) and not any(fired):
        fired.append(watch.has_fired())
    watch.close()

    assert fired[-1:] == [True]


def test_the_root_of_a_cgroup_namespace_may_have_processes(outer: cgroups.Cgroup) -> None:
    """As in a container of another engine, whose root is a group with processes in it."""
    entering = f"echo $$ > {outer.unified}/cgroup.procs && exec unshare --cgroup --mount "
    words = [sys.executable, "-c", IN_A_NAMESPACE, str(ROOT)]

    ran = subprocess.run(
        ["sh", "-c", f'{entering} "$@"', "sh", *words], capture_output=True, text=True, check=False
    )

    assert ran.stderr == ""
    assert ran.stdout.split() == ["0::/init", "5"]
