"""Limits and device rules of an OCI bundle are what the kernel then holds."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtime.cgroups import cgroup as cgroups
from runtime.cgroups import devices, files
from runtime.cgroups.cgroup import Cgroup
from runtime.cgroups.layout import detect, detect_all
from runtime.cgroups.resources_plan import plan_rules
from runtime.errors import KernelRefused
from runtime.oci.config_resources import Cpu, DeviceRule, LinuxResources, Memory
from tests.kernel.lab import Lab

pytestmark = pytest.mark.kernel

MEBIBYTE = 1024 * 1024
KMSG, MEM, TUN = (1, 11), (1, 1), (10, 200)


def rule(allow: bool, kind: str, *numbers: int | None, access: str = "rwm") -> DeviceRule:
    """Return a rule for devices of these numbers."""
    major, minor = numbers or (None, None)
    return DeviceRule(allow=allow, kind=kind, major=major, minor=minor, access=access)


CASES = [
    ((), {}),
    ((rule(True, "c", *KMSG),), {KMSG: "rw"}),
    ((rule(True, "c", *KMSG, access="r"),), {KMSG: "r"}),
    ((rule(True, "c", *KMSG), rule(False, "c", *KMSG, access="w")), {KMSG: "r"}),
    ((rule(False, "c", *KMSG), rule(True, "c", *KMSG)), {KMSG: "rw"}),
    ((rule(True, "a"), rule(False, "c", *MEM, access="rw")), {KMSG: "rw", TUN: "rw"}),
]
"""Rules that are given, and how of each node may then be opened; others not at all."""


@contextmanager
def group(lab: Lab, resources: LinuxResources) -> Iterator[Cgroup]:
    """Make a group for the length of a `with`."""
    made = cgroups.create_by_rules(f"{lab.group}/rules", resources)
    try:
        yield made
    finally:
        made.remove()


def told_inside(enter: Callable[[], object]) -> dict[tuple[int, int], str]:
    """Return how a child that has entered a group can open each node."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            enter()
            for numbers in (KMSG, MEM, TUN):
                os.write(writer, f"{numbers[0]} {numbers[1]} {opened(numbers)}\n".encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        lines = [line.split() for line in pipe.read().splitlines()]
    os.waitpid(child, 0)
    assert len(lines) == 3
    return {(int(major), int(minor)): "".join(how) for major, minor, *how in lines if how}


def opened(numbers: tuple[int, int]) -> str:
    """Return r, w, rw or nothing. Other refusals than EPERM come from the device: it was let in."""
    node = f"/dev/shm/moorage-rule-{os.getpid()}"
    os.mknod(node, stat.S_IFCHR | 0o600, os.makedev(*numbers))
    found = ""
    try:
        for letter, flags in (("r", os.O_RDONLY), ("w", os.O_WRONLY)):
            try:
                os.close(os.open(node, flags | os.O_NONBLOCK))
            except PermissionError:
                continue
            except OSError:
                pass
            found += letter
    finally:
        os.unlink(node)
    return found


@pytest.mark.parametrize(("rules", "expected"), CASES)
def test_the_last_rule_that_fits_decides(
    lab: Lab, rules: tuple[DeviceRule, ...], expected: dict[tuple[int, int], str]
) -> None:
    with group(lab, LinuxResources(devices=rules)) as made:
        assert told_inside(lambda: made.attach(0)) == expected


HOLE = (rule(True, "c", 1, None), rule(False, "c", *MEM))
"""v1 would take it and let MEM be opened: see the unit tests of the plan."""


@pytest.mark.parametrize(("rules", "expected"), [*CASES, (HOLE, {KMSG: "rw"})])
def test_the_v2_program_judges_as_the_files_of_v1(
    lab: Lab, rules: tuple[DeviceRule, ...], expected: dict[tuple[int, int], str]
) -> None:
    unified = detect().unified
    assert unified is not None, "the tests need a v2 hierarchy, as every hybrid machine has"
    place = Path(unified.mount) / lab.group / "rules-v2"
    place.mkdir(parents=True)
    directory = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        devices.restrict(directory, plan_rules(rules))
        enter = lambda: (place / "cgroup.procs").write_text("0")  # noqa: E731
        assert told_inside(enter) == expected
    finally:
        os.close(directory)
        place.rmdir()


def test_memory_and_processors_are_held(lab: Lab) -> None:
    limits = LinuxResources(
        memory=Memory(limit=64 * MEBIBYTE, reservation=32 * MEBIBYTE),
        cpu=Cpu(quota=50_000, period=100_000, burst=10_000, cpus="0", mems="0"),
        pids=7,
    )
    with group(lab, limits) as made:
        memory, processor = made.group("memory"), made.group("cpu")
        assert memory is not None
        assert processor is not None
        one = memory.tree.version == 1
        held = files.read(f"{memory.directory}/memory.{'limit_in_bytes' if one else 'max'}")
        assert int(held) == 64 * MEBIBYTE
        one = processor.tree.version == 1
        burst = files.read(f"{processor.directory}/cpu.{'cfs_burst_us' if one else 'max.burst'}")
        assert int(burst) == 10_000
        assert files.read(f"{made.directory('cpuset')}/cpuset.cpus").strip() == "0"
        assert files.read(f"{made.directory('pids')}/pids.max").strip() == "7"


def test_a_limit_that_the_kernel_refuses_leaves_no_group(lab: Lab) -> None:
    with (
        pytest.raises(KernelRefused, match=r"cpuset\.cpus"),
        group(lab, LinuxResources(cpu=Cpu(cpus="4095"))),
    ):
        pytest.fail("a processor that is not there was given")

    trees = detect_all().hierarchies
    assert [t.mount for t in trees if os.path.isdir(f"{t.mount}/{lab.group}/rules")] == []


def test_the_groups_of_every_controller_go_with_the_container(lab: Lab) -> None:
    with group(lab, LinuxResources()) as made:
        directories = [one.directory for one in made.groups]
        assert made.directory("cpuset") is not None

    assert [path for path in directories if os.path.isdir(path)] == []
