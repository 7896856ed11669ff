"""The kernel holds what was asked for, on whatever hierarchies this host has."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from runtime.cgroups import cgroup as cgroups
from runtime.cgroups import devices, files, freezer, stats
from runtime.cgroups.layout import Hierarchy, Layout, detect
from runtime.cgroups.resources_plan import DEFAULT_RULES
from runtime.errors import Conflict, KernelRefused
from runtime.oci.bundle import Resources
from tests.kernel.lab import Box, Lab, until

pytestmark = pytest.mark.kernel

MEBIBYTE = 1024 * 1024


def test_a_memory_hog_is_killed_at_its_limit_and_counted(lab: Lab) -> None:
    limit = Resources(pids=20, memory_bytes=64 * MEBIBYTE)
    with lab.box("/bin/tail", "/dev/zero", resources=limit) as box:
        code = box.wait()

        assert code == -signal.SIGKILL
        assert box.cgroup.oom_kills() == 1


def test_what_stays_under_the_limit_is_not_counted(lab: Lab) -> None:
    limit = Resources(pids=20, memory_bytes=64 * MEBIBYTE)
    with lab.box("/bin/true", resources=limit) as box:
        assert box.wait() == 0
        assert box.cgroup.oom_kills() == 0


def test_memory_cannot_escape_into_swap_or_shm(lab: Lab) -> None:
    limit = Resources(pids=20, memory_bytes=16 * MEBIBYTE)
    filler = ("/bin/dd", "if=/dev/zero", "of=/dev/shm/x", "bs=1M", "count=48")
    with lab.box(*filler, resources=limit) as box:
        assert box.wait() == -signal.SIGKILL


def test_a_fork_bomb_stays_under_its_limit(lab: Lab) -> None:
    bomb = "bomb() { bomb & bomb & sleep 30; }; bomb 2>/dev/null & exec sleep 60"
    with lab.box("/bin/sh", "-c", bomb, resources=Resources(pids=40)) as box:
        events = f"{box.cgroup.directory('pids')}/pids.events"
        until(lambda: files.read_fields(events)["max"] > 0)
        seen = []
        for _ in range(20):
            seen.append(len(box.cgroup.pids()))
            time.sleep(0.02)
        box.cgroup.kill()
        until(lambda: box.cgroup.pids() == [])

    assert 1 < max(seen) <= 40


def test_half_a_cpu_is_half_a_cpu(lab: Lab) -> None:
    """On a busy host a loop may get less than its limit for a while, but never more."""
    limit = Resources(pids=5, cpus=0.5)
    shares: list[float] = []
    with lab.box("/bin/sh", "-c", "while :; do :; done", resources=limit) as box:
        while not shares or (max(shares) < 0.45 and len(shares) < 15):
            shares.append(_share_of_a_cpu(box, seconds=2))

    assert 0.45 <= max(shares) <= 0.55


def _share_of_a_cpu(box: Box, *, seconds: float) -> float:
    began, used = time.monotonic(), _cpu_ns(box)
    time.sleep(seconds)
    return (_cpu_ns(box) - used) / 1e9 / (time.monotonic() - began)


def _cpu_ns(box: Box) -> int:
    cpu = stats.sample(box.cgroup).cpu
    assert cpu is not None
    assert cpu.usage_ns is not None
    return cpu.usage_ns


def test_swap_reservation_shares_and_burst_are_what_the_kernel_holds(lab: Lab) -> None:
    group = cgroups.create(
        f"{lab.group}/rarer",
        Resources(
            memory_bytes=64 * MEBIBYTE,
            memory_swap_bytes=96 * MEBIBYTE,
            memory_reservation_bytes=32 * MEBIBYTE,
            cpus=0.5,
            cpu_burst_microseconds=10_000,
            cpu_shares=512,
        ),
    )
    held = {
        1: {
            "memory.memsw.limit_in_bytes": 96 * MEBIBYTE,
            "memory.soft_limit_in_bytes": 32 * MEBIBYTE,
            "cpu.shares": 512,
            "cpu.cfs_burst_us": 10_000,
        },
        2: {
            "memory.swap.max": 32 * MEBIBYTE,
            "memory.low": 32 * MEBIBYTE,
            "cpu.weight": 20,
            "cpu.max.burst": 10_000,
        },
    }
    seen: dict[str, int] = {}
    wanted: dict[str, int] = {}
    for controller in ("memory", "cpu"):
        place = group.group(controller)
        assert place is not None
        files_of = {n: v for n, v in held[place.tree.version].items() if n.startswith(controller)}
        wanted |= files_of
        seen |= {name: int(files.read(f"{place.directory}/{name}")) for name in files_of}
    group.remove()

    assert len(seen) == 4
    assert seen == wanted


def test_an_idle_container_leaves_the_processor_to_others(lab: Lab) -> None:
    loop = ("/bin/sh", "-c", "while :; do :; done")
    one = {min(os.sched_getaffinity(0))}
    with (
        lab.box(*loop, resources=Resources(pids=5, cpu_idle=True)) as idle,
        lab.box(*loop, resources=Resources(pids=5, cpu_shares=1024)) as busy,
    ):
        for box in (idle, busy):
            os.sched_setaffinity(box.launched.pid, one)
        time.sleep(0.2)
        before = [_cpu_ns(box) for box in (idle, busy)]
        time.sleep(1.5)
        used = [_cpu_ns(box) - then for box, then in zip((idle, busy), before, strict=True)]

    assert used[1] > 10 * used[0]


def test_kill_ends_everything_however_it_forks(lab: Lab) -> None:
    script = "i=0; while [ $i -lt 50 ]; do sleep 60 & i=$((i+1)); done; wait"
    with lab.box("/bin/sh", "-c", script) as box:
        until(lambda: len(box.cgroup.pids()) == 51)
        began = time.monotonic()
        box.cgroup.kill()
        until(lambda: box.cgroup.pids() == [])

    assert time.monotonic() - began < 5


def test_without_cgroup_kill_the_processes_are_signalled_one_by_one(lab: Lab) -> None:
    layout = detect()
    v1_only = type(layout)(
        hierarchies=tuple(tree for tree in layout.hierarchies if tree.version == 1)
    )
    if not v1_only.hierarchies:
        pytest.skip("no v1 hierarchy here")
    group = cgroups.create(f"{lab.group}/one-by-one", Resources(pids=10), layout=v1_only)
    children = [_sleeper(group) for _ in range(5)]

    group.kill()

    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    group.remove()


def _sleeper(group: cgroups.Cgroup) -> int:
    child = os.fork()
    if child == 0:
        group.attach(0)
        time.sleep(60)
        os._exit(0)
    until(lambda: child in group.pids())
    return child


def test_only_harmless_devices_can_be_opened(lab: Lab) -> None:
    """As host root with every capability, so that nothing but the allow-list can refuse."""
    group = cgroups.create(f"{lab.group}/devices", Resources())
    told = _try_devices(lambda: group.attach(0))
    group.remove()

    assert told == _EXPECTED_DEVICES


def test_the_v2_device_program_judges_alike(lab: Lab) -> None:
    unified = detect().unified
    assert unified is not None, "the tests need a v2 hierarchy, as every hybrid machine has"
    place = Path(unified.mount) / lab.group
    place.mkdir(exist_ok=True)
    group = place / "devices-v2"
    group.mkdir()
    directory = os.open(group, os.O_RDONLY | os.O_DIRECTORY)
    devices.restrict(directory, DEFAULT_RULES)
    os.close(directory)

    told = _try_devices(lambda: (group / "cgroup.procs").write_text("0"))

    group.rmdir()
    assert told == _EXPECTED_DEVICES


_NODES = {
    "null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9),
    "kmsg": (1, 11), "mem": (1, 1), "port": (1, 4), "tun": (10, 200), "fuse": (10, 229),
}  # fmt: skip
_EXPECTED_DEVICES = {
    name: "open" if name in ("null", "zero", "full", "random", "urandom") else "EPERM"
    for name in _NODES
}


def _try_devices(enter: object) -> dict[str, str]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            assert callable(enter)
            enter()
            for name, numbers in _NODES.items():
                os.write(writer, f"{name} {_try_device(numbers)}\n".encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        lines = told.read().splitlines()
    os.waitpid(child, 0)
    return dict(line.split() for line in lines)


def _try_device(numbers: tuple[int, int]) -> str:
    node = f"/dev/shm/moorage-node-{os.getpid()}"
    os.mknod(node, 0o20600, os.makedev(*numbers))
    try:
        os.close(os.open(node, os.O_RDONLY | os.O_NONBLOCK))
    except PermissionError:
        return "EPERM"
    except OSError as other:
        return str(other)
    else:
        return "open"
    finally:
        os.unlink(node)


def test_a_cpuset_that_comes_along_takes_processes(lab: Lab) -> None:
    """On some hosts cpuset shares a hierarchy with cpu; an empty one refuses every process."""
    if not os.path.exists("/sys/fs/cgroup/cpuset/cpuset.cpus"):
        pytest.skip("no v1 hierarchy with cpuset here")
    tree = Hierarchy(mount="/sys/fs/cgroup/cpuset", version=1, controllers=("cpuset", "cpu"))
    layout = Layout(hierarchies=(tree,))
    group = cgroups.create(f"{lab.group}/cpuset", Resources(), layout=layout)

    child = _sleeper(group)

    group.kill()
    os.waitpid(child, 0)
    group.remove()
    os.rmdir(f"/sys/fs/cgroup/cpuset/{lab.group}")


def test_a_path_is_made_once(lab: Lab) -> None:
    group = cgroups.create(f"{lab.group}/once", Resources())

    with pytest.raises(Conflict):
        cgroups.create(f"{lab.group}/once", Resources())

    again = cgroups.open_existing(f"{lab.group}/once")
    assert again.groups == group.groups
    again.close()
    group.remove()
    assert cgroups.open_existing(f"{lab.group}/once").groups == ()


def test_a_limit_that_the_kernel_refuses_leaves_no_group(lab: Lab) -> None:
    with pytest.raises(KernelRefused):
        cgroups.create(f"{lab.group}/bad", Resources(pids=10**12))

    assert cgroups.open_existing(f"{lab.group}/bad").groups == ()


def test_removing_waits_for_the_dying(lab: Lab) -> None:
    group = cgroups.create(f"{lab.group}/dying", Resources())
    child = _sleeper(group)

    group.kill()
    os.waitpid(child, 0)
    group.remove()

    assert cgroups.open_existing(f"{lab.group}/dying").groups == ()


@pytest.mark.parametrize("version", [1, 2])
def test_frozen_processes_stand_still_until_thawed(lab: Lab, version: int) -> None:
    group = cgroups.create(f"{lab.group}/still", Resources(), layout=_with_freezer(version))
    try:
        reading = _writer(group)
        place = group.groups[0]
        until(lambda: _has_more(reading))
        group.freeze()
        while _has_more(reading):
            continue
        time.sleep(0.2)

        assert freezer.is_frozen(place.directory, version)
        assert not _has_more(reading)
        group.thaw()
        until(lambda: _has_more(reading))
        assert not freezer.is_frozen(place.directory, version)
    finally:
        group.kill()
        os.wait()
        group.remove()
        os.close(reading)


def _writer(group: cgroups.Cgroup) -> int:
    """Fork a child into the group that writes all the time; return where to read, not waiting."""
    reading, writing = os.pipe2(os.O_NONBLOCK)
    if os.fork() == 0:
        group.attach(0)
        while True:
            os.write(writing, b".")
            time.sleep(0.005)
    os.close(writing)
    until(lambda: _has_more(reading))
    return reading


def _has_more(reading: int) -> bool:
    try:
        return bool(os.read(reading, 1))
    except BlockingIOError:
        return False


@pytest.mark.parametrize("version", [1, 2])
def test_kill_ends_what_is_frozen(lab: Lab, version: int) -> None:
    group = cgroups.create(f"{lab.group}/cold", Resources(), layout=_with_freezer(version))
    children = [_sleeper(group) for _ in range(3)]
    group.freeze()
    began = time.monotonic()
    group.kill()

    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert time.monotonic() - began < 5
    group.remove()


def _with_freezer(version: int) -> Layout:
    """A layout of the one hierarchy that freezes in this version; skips where v1 has none."""
    unified = detect().unified
    if version == 2:
        assert unified is not None
        return Layout(hierarchies=(Hierarchy(mount=unified.mount, version=2, controllers=()),))
    if version == 1:
        for line in Path("/proc/mounts").read_text().splitlines():
            _, mount, kind, options, *_ = line.split()
            if kind == "cgroup" and "freezer" in options.split(","):
                tree = Hierarchy(mount=mount, version=1, controllers=("freezer",))
                return Layout(hierarchies=(tree,))
    pytest.skip("no v1 freezer here")
