"""Each limit of an OCI bundle is worded for the version that holds it, or refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtime.cgroups.layout import Hierarchy, Layout
from runtime.cgroups.resources_plan import DEFAULT_RULES, plan_resources, plan_rules
from runtime.errors import InvalidSpec
from runtime.oci.config_resources import (
    BlockIO,
    Cpu,
    DeviceRule,
    LinuxResources,
    Memory,
    Throttle,
)

_NAMES = ("memory", "cpu", "cpuset", "pids", "blkio", "hugetlb", "devices")
V1 = Layout(
    hierarchies=tuple(
        Hierarchy(mount=f"/cg/{name}", version=1, controllers=(name,)) for name in _NAMES
    )
)
V2 = Layout(
    hierarchies=(
        Hierarchy(
            mount="/cg",
            version=2,
            controllers=("memory", "cpu", "cpuset", "pids", "io", "hugetlb"),
        ),
    )
)
NOTHING = Layout(hierarchies=())


def texts(resources: LinuxResources, layout: Layout) -> list[str]:
    """Return what is written, the rules of devices apart."""
    writes = plan_resources(resources, layout).writes
    return [str(write) for write in writes if write.controller != "devices"]


@pytest.mark.parametrize(
    ("resources", "v1", "v2"),
    [
        (
            LinuxResources(memory=Memory(limit=100, reservation=50, swap=300)),
            [
                "memory.limit_in_bytes = 100",
                "memory.soft_limit_in_bytes = 50",
                "memory.memsw.limit_in_bytes = 300",
            ],
            ["memory.max = 100", "memory.low = 50", "memory.swap.max = 200"],
        ),
        (
            LinuxResources(memory=Memory(limit=-1, swap=-1)),
            ["memory.limit_in_bytes = -1", "memory.memsw.limit_in_bytes = -1"],
            ["memory.max = max", "memory.swap.max = max"],
        ),
        (LinuxResources(memory=Memory(limit=0)), [], []),
        (
            LinuxResources(cpu=Cpu(shares=1024, quota=5000, period=10_000, burst=100)),
            [
                "cpu.shares = 1024",
                "cpu.cfs_period_us = 10000",
                "cpu.cfs_quota_us = 5000",
                "cpu.cfs_burst_us = 100",
            ],
            ["cpu.weight = 39", "cpu.max = 5000 10000", "cpu.max.burst = 100"],
        ),
        (LinuxResources(cpu=Cpu(quota=-1)), ["cpu.cfs_quota_us = -1"], ["cpu.max = max 100000"]),
        (LinuxResources(cpu=Cpu(shares=2)), ["cpu.shares = 2"], ["cpu.weight = 1"]),
        (LinuxResources(cpu=Cpu(shares=262_144)), ["cpu.shares = 262144"], ["cpu.weight = 10000"]),
        (
            LinuxResources(cpu=Cpu(idle=1, shares=5)),
            ["cpu.shares = 5", "cpu.idle = 1"],
            ["cpu.idle = 1"],
        ),
        (
            LinuxResources(cpu=Cpu(cpus="0-1", mems="0")),
            ["cpuset.cpus = 0-1", "cpuset.mems = 0"],
            ["cpuset.cpus = 0-1", "cpuset.mems = 0"],
        ),
        (LinuxResources(pids=-1), ["pids.max = max"], ["pids.max = max"]),
        (
            LinuxResources(
                block_io=BlockIO(
                    weight=1000,
                    device_weights=((8, 0, 10),),
                    throttles=(Throttle("read_bps", 8, 0, 9), Throttle("write_iops", 8, 0, 0)),
                )
            ),
            [
                "blkio.bfq.weight = 1000",
                "blkio.bfq.weight_device = 8:0 10",
                "blkio.throttle.read_bps_device = 8:0 9",
                "blkio.throttle.write_iops_device = 8:0 0",
            ],
            [
                "io.weight = default 10000",
                "io.weight = 8:0 1",
                "io.max = 8:0 rbps=9",
                "io.max = 8:0 wiops=max",
            ],
        ),
        (
            LinuxResources(huge_pages=(("2MB", 5),)),
            ["hugetlb.2MB.limit_in_bytes = 5"],
            ["hugetlb.2MB.max = 5"],
        ),
    ],
)
def test_a_limit_is_worded_for_its_version(
    resources: LinuxResources, v1: list[str], v2: list[str]
) -> None:
    assert texts(resources, V1) == v1
    assert texts(resources, V2) == v2


@pytest.mark.parametrize(
    ("resources", "field"),
    [
        (LinuxResources(memory=Memory(swappiness=0)), "memory.swappiness"),
        (LinuxResources(memory=Memory(disable_oom_killer=True)), "memory.disableOOMKiller"),
        (LinuxResources(cpu=Cpu(realtime_period=5)), "cpu.realtimePeriod"),
        (LinuxResources(unified=(("rdma.max", "1"),)), "unified.rdma.max"),
        (LinuxResources(unified=(("cgroup.freeze", "1"),)), "unified.cgroup.freeze"),
    ],
)
def test_what_v2_has_not_is_refused(resources: LinuxResources, field: str) -> None:
    with pytest.raises(InvalidSpec) as raised:
        plan_resources(resources, V2)

    assert raised.value.field == f"linux.resources.{field}"


def test_what_only_v1_has_is_written_there() -> None:
    memory = Memory(swappiness=10, disable_oom_killer=True)
    cpu = Cpu(realtime_period=5, realtime_runtime=4)

    assert texts(LinuxResources(memory=memory, cpu=cpu), V1) == [
        "memory.swappiness = 10",
        "memory.oom_control = 1",
        "cpu.rt_period_us = 5",
        "cpu.rt_runtime_us = 4",
    ]


@pytest.mark.parametrize(
    ("resources", "field"),
    [
        (LinuxResources(memory=Memory(limit=1)), "memory.limit"),
        (LinuxResources(cpu=Cpu(shares=2)), "cpu.shares"),
        (LinuxResources(cpu=Cpu(mems="0")), "cpu.mems"),
        (LinuxResources(pids=1), "pids.limit"),
        (LinuxResources(block_io=BlockIO(weight=10)), "blockIO.weight"),
        (LinuxResources(huge_pages=(("2MB", 1),)), "hugepageLimits"),
        (LinuxResources(unified=(("memory.high", "1"),)), "unified.memory.high"),
    ],
)
def test_a_limit_without_its_controller_is_refused(resources: LinuxResources, field: str) -> None:
    with pytest.raises(InvalidSpec) as raised:
        plan_resources(resources, NOTHING)

    assert raised.value.field == f"linux.resources.{field}"


def test_files_of_v2_are_written_by_their_own_names() -> None:
    assert texts(LinuxResources(unified=(("memory.high", "1"),)), V2) == ["memory.high = 1"]


def test_rules_begin_with_nothing_and_end_with_the_default_devices() -> None:
    given = DeviceRule(allow=True, kind="c", major=10, minor=None, access="r")

    rules = plan_rules((given,))

    assert str(rules[0]).startswith("DeviceRule(allow=False, kind='a', major=None")
    assert rules == (rules[0], given, *DEFAULT_RULES[1:])
    written = plan_resources(LinuxResources(devices=(given,)), V1).writes
    assert [str(write) for write in written[:2]] == [
        "devices.deny = a",
        "devices.allow = c 10:* r",
    ]


def test_a_rule_of_any_kind_that_is_not_all_becomes_one_for_each_kind() -> None:
    """devices.allow takes "a 1:3 r" for everything."""
    partly = DeviceRule(allow=True, kind="a", major=1, minor=3, access="rwm")
    wholly = DeviceRule(allow=True, kind="a", major=None, minor=None, access="mwr")

    assert [rule.kind for rule in plan_rules((partly, wholly))[1:4]] == ["b", "c", "a"]


def rule(allow: bool, major: int | None, minor: int | None, access: str = "rwm") -> DeviceRule:
    """Return a rule for character devices."""
    return DeviceRule(allow=allow, kind="c", major=major, minor=minor, access=access)


ALL = DeviceRule(allow=True, kind="a", major=None, minor=None, access="rwm")


@pytest.mark.parametrize(
    "rules",
    [
        (rule(True, 1, None), rule(False, 1, 1)),
        (rule(True, 1, 1), rule(False, 1, None)),
        (ALL, rule(False, 1, None), rule(True, 1, 1)),
        (rule(True, 1, 1), replace(ALL, allow=False, access="r")),
    ],
)
def test_v1_refuses_a_hole_that_it_would_not_make(rules: tuple[DeviceRule, ...]) -> None:
    with pytest.raises(InvalidSpec) as raised:
        plan_resources(LinuxResources(devices=rules), V1)

    assert raised.value.field == f"linux.resources.devices[{len(rules) - 1}]"
    assert plan_resources(LinuxResources(devices=rules), V2).writes == ()


@pytest.mark.parametrize(
    "rules",
    [
        (rule(True, 1, 1), rule(False, 1, 1, "w")),
        (rule(True, 1, None), rule(False, 2, None)),
        (rule(True, 1, None, "r"), rule(False, 1, 1, "w")),
        (ALL, rule(False, 1, 1)),
        (rule(True, 1, None), ALL, rule(False, 1, 1)),
    ],
)
def test_v1_takes_what_it_can_do(rules: tuple[DeviceRule, ...]) -> None:
    assert len(plan_resources(LinuxResources(devices=rules), V1).rules) > len(rules)


def test_v1_refuses_to_take_a_default_device_away_by_a_wider_rule() -> None:
    with pytest.raises(InvalidSpec, match="c 1:3 rwm away"):
        plan_resources(LinuxResources(devices=(ALL, rule(False, 1, None))), V1)
