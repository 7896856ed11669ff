"""The limits of a group in use are changed in an order that the kernel takes."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.cgroups.layout import Hierarchy, Layout
from runtime.cgroups.update_plan import Present, complete, plan_update
from runtime.errors import InvalidSpec
from runtime.oci.config_resources import Cpu, DeviceRule, LinuxResources, Memory

_NAMES = ("memory", "cpu", "cpuset", "pids", "blkio", "devices")
V1 = Layout(
    hierarchies=tuple(
        Hierarchy(mount=f"/cg/{name}", version=1, controllers=(name,)) for name in _NAMES
    )
)
V2 = Layout(
    hierarchies=(
        Hierarchy(mount="/cg", version=2, controllers=("memory", "cpu", "cpuset", "pids", "io")),
    )
)
NOW = Present(memory=100, both=200, used=50, quota=-1, period=100_000)


def texts(resources: LinuxResources, layout: Layout = V1, present: Present = NOW) -> list[str]:
    """Return what is written."""
    return [str(write) for write in plan_update(resources, layout, present)]


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        (Memory(limit=300, swap=400), ["memsw.limit_in_bytes = 400", "limit_in_bytes = 300"]),
        (Memory(limit=-1, swap=-1), ["memsw.limit_in_bytes = -1", "limit_in_bytes = -1"]),
        (Memory(limit=20, swap=40), ["limit_in_bytes = 20", "memsw.limit_in_bytes = 40"]),
        (Memory(limit=50), ["limit_in_bytes = 50"]),
    ],
)
def test_memory_is_never_more_than_memory_and_swap(memory: Memory, expected: list[str]) -> None:
    assert texts(LinuxResources(memory=memory)) == [f"memory.{text}" for text in expected]


def test_what_had_no_limit_of_both_can_only_get_a_lower_one() -> None:
    memory = Memory(limit=20, swap=40)

    assert texts(LinuxResources(memory=memory), present=Present(memory=-1, both=-1)) == [
        "memory.limit_in_bytes = 20",
        "memory.memsw.limit_in_bytes = 40",
    ]


def test_a_group_may_be_idle_no_more_and_save_nothing_up() -> None:
    cpu = Cpu(idle=0, burst=0, shares=1024)

    v1, v2 = (texts(LinuxResources(cpu=cpu), layout) for layout in (V1, V2))

    assert v1 == ["cpu.cfs_burst_us = 0", "cpu.idle = 0", "cpu.shares = 1024"]
    assert v2 == ["cpu.max.burst = 0", "cpu.idle = 0", "cpu.weight = 39"]


def test_rules_of_devices_are_left_alone() -> None:
    rule = DeviceRule(allow=True, kind="c", major=1, minor=3, access="r")

    assert texts(LinuxResources(devices=(rule,))) == []


def test_a_limit_under_what_is_used_is_refused_where_asked_to_look() -> None:
    with pytest.raises(InvalidSpec, match="less than the 50 bytes in use"):
        texts(LinuxResources(memory=Memory(limit=49, check_before_update=True)))
    assert texts(LinuxResources(memory=Memory(limit=50, check_before_update=True)))
    assert texts(LinuxResources(memory=Memory(limit=49)))


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"memory": {"swap": 300}}, {"memory": {"swap": 300, "limit": 100}}),
        ({"memory": {"swap": 300, "limit": 7}}, {"memory": {"swap": 300, "limit": 7}}),
        ({"memory": {"limit": -1}}, {"memory": {"limit": -1, "swap": -1}}),
        ({"cpu": {"quota": 5000}}, {"cpu": {"quota": 5000, "period": 100_000}}),
        ({"cpu": {"period": 5000}}, {"cpu": {"quota": -1, "period": 5000}}),
        ({"cpu": {"shares": 5}}, {"cpu": {"shares": 5}}),
        ({"memory": None, "pids": {"limit": 3}}, {"memory": None, "pids": {"limit": 3}}),
    ],
)
def test_what_one_limit_needs_beside_it_is_as_it_was(
    document: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert complete(document, NOW) == expected


def test_v2_has_no_limit_of_both_to_raise() -> None:
    assert complete({"memory": {"limit": -1}}, Present(memory=5)) == {"memory": {"limit": -1}}
