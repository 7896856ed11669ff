from __future__ import annotations

from dataclasses import replace

import pytest

from runtime.cgroups.layout import Hierarchy, Layout
from runtime.cgroups.plan import plan_change, plan_limits
from runtime.errors import InvalidSpec
from runtime.oci.bundle import Resources

ALL = Resources(memory_bytes=64 << 20, cpus=0.5, pids=100)


def _tree(version: int, *controllers: str) -> Hierarchy:
    return Hierarchy(mount=f"/cg/{version}", version=version, controllers=controllers)


V1 = Layout(
    hierarchies=(_tree(1, "memory"), _tree(1, "cpu"), _tree(1, "pids"), _tree(1, "devices"))
)
V2 = Layout(hierarchies=(_tree(2, "memory", "cpu", "pids"),))
HYBRID = Layout(hierarchies=(_tree(1, "memory"), _tree(2, "cpu", "pids")))


def test_v1_limits() -> None:
    texts = [str(write) for write in plan_limits(ALL, V1)]

    assert texts[:5] == [
        "memory.limit_in_bytes = 67108864",
        "memory.memsw.limit_in_bytes = 67108864",
        "cpu.cfs_period_us = 100000",
        "cpu.cfs_quota_us = 50000",
        "pids.max = 100",
    ]
    assert texts[5] == "devices.deny = a"
    assert "devices.allow = c 1:3 rwm" in texts
    assert "devices.allow = c 136:* rwm" in texts


def test_v2_limits() -> None:
    assert [str(write) for write in plan_limits(ALL, V2)] == [
        "memory.max = 67108864",
        "memory.swap.max = 0",
        "cpu.max = 50000 100000",
        "pids.max = 100",
    ]


def test_each_limit_goes_to_the_version_that_has_its_controller() -> None:
    texts = [str(write) for write in plan_limits(ALL, HYBRID)]

    assert "memory.limit_in_bytes = 67108864" in texts
    assert "cpu.max = 50000 100000" in texts


RARER = Resources(
    memory_bytes=64 << 20,
    memory_swap_bytes=96 << 20,
    memory_reservation_bytes=32 << 20,
    cpus=0.5,
    cpu_period_microseconds=50_000,
    cpu_burst_microseconds=10_000,
    cpu_shares=512,
)


def test_swap_reservation_shares_and_burst_on_v1() -> None:
    texts = [str(write) for write in plan_limits(RARER, V1)]

    assert texts[:8] == [
        "memory.limit_in_bytes = 67108864",
        "memory.memsw.limit_in_bytes = 100663296",
        "memory.soft_limit_in_bytes = 33554432",
        "cpu.cfs_period_us = 50000",
        "cpu.cfs_quota_us = 25000",
        "cpu.cfs_burst_us = 10000",
        "cpu.shares = 512",
        "devices.deny = a",
    ]


def test_swap_reservation_shares_and_burst_on_v2() -> None:
    assert [str(write) for write in plan_limits(RARER, V2)] == [
        "memory.max = 67108864",
        "memory.swap.max = 33554432",
        "memory.low = 33554432",
        "cpu.max = 25000 50000",
        "cpu.max.burst = 10000",
        "cpu.weight = 20",
    ]


@pytest.mark.parametrize(
    ("layout", "text"),
    [(V1, "memory.memsw.limit_in_bytes = -1"), (V2, "memory.swap.max = max")],
)
def test_swap_without_end_must_be_accounted(layout: Layout, text: str) -> None:
    plan = plan_limits(Resources(memory_bytes=64 << 20, memory_swap_bytes=-1), layout)

    assert (str(plan[1]), plan[1].optional) == (text, False)


def test_swappiness_is_of_v1_only() -> None:
    assert str(plan_limits(Resources(memory_swappiness=10), V1)[0]) == "memory.swappiness = 10"
    with pytest.raises(InvalidSpec, match="memory_swappiness"):
        plan_limits(Resources(memory_swappiness=10), V2)


@pytest.mark.parametrize("layout", [V1, V2])
def test_an_idle_group_says_so(layout: Layout) -> None:
    assert str(plan_limits(Resources(cpu_idle=True), layout)[0]) == "cpu.idle = 1"


def test_no_limit_writes_nothing() -> None:
    assert plan_limits(Resources(), V2) == ()


def test_the_smallest_share_is_the_smallest_that_the_kernel_takes() -> None:
    texts = [str(write) for write in plan_limits(Resources(cpus=0.001), V2)]

    assert texts == ["cpu.max = 1000 100000"]


@pytest.mark.parametrize(
    ("resources", "field"),
    [
        (Resources(memory_bytes=64 << 20), "limits.memory_bytes"),
        (Resources(cpus=1), "limits.cpus"),
        (Resources(pids=5), "limits.pids"),
        (Resources(memory_reservation_bytes=5), "limits.memory_reservation_bytes"),
        (Resources(cpu_shares=5), "limits.cpu_shares"),
        (Resources(cpu_idle=True), "limits.cpu_idle"),
    ],
)
def test_a_limit_without_its_controller_is_refused_not_forgotten(
    resources: Resources, field: str
) -> None:
    bare = Layout(hierarchies=(_tree(2, "io"),))

    with pytest.raises(InvalidSpec) as caught:
        plan_limits(resources, bare)

    assert caught.value.field == field


def test_only_swap_accounting_may_be_missing() -> None:
    optional = {
        write.name for plan in (V1, V2) for write in plan_limits(ALL, plan) if write.optional
    }

    assert optional == {"memory.memsw.limit_in_bytes", "memory.swap.max"}


def changes(before: Resources | None, after: Resources, layout: Layout) -> list[str]:
    return [str(write) for write in plan_change(before, after, layout)]


def test_only_what_differs_is_written_to_a_group_in_use() -> None:
    assert changes(ALL, ALL, V1) == changes(ALL, ALL, V2) == []
    assert changes(ALL, replace(ALL, pids=5), V1) == ["pids.max = 5"]
    assert changes(ALL, replace(ALL, cpus=2.0), V2) == ["cpu.max = 200000 100000"]
    assert changes(ALL, replace(ALL, cpu_shares=1024), V1) == []


def test_memory_with_swap_is_at_no_moment_below_memory_alone_on_v1() -> None:
    for size in (32 << 20, 128 << 20):
        assert changes(ALL, replace(ALL, memory_bytes=size), V1) == [
            "memory.memsw.limit_in_bytes = -1",
            f"memory.limit_in_bytes = {size}",
            f"memory.memsw.limit_in_bytes = {size}",
        ]


def test_a_limit_that_is_taken_away_becomes_the_kernels_default() -> None:
    free = Resources(pids=100)

    assert changes(RARER, free, V1) == [
        "memory.memsw.limit_in_bytes = -1",
        "memory.limit_in_bytes = -1",
        "memory.memsw.limit_in_bytes = -1",
        "memory.soft_limit_in_bytes = -1",
        "cpu.cfs_quota_us = -1",
        "cpu.shares = 1024",
        "pids.max = 100",
    ]
    assert changes(RARER, free, V2) == [
        "memory.max = max",
        "memory.swap.max = max",
        "memory.low = 0",
        "cpu.max = max 100000",
        "cpu.weight = 100",
        "pids.max = 100",
    ]


def test_a_change_back_writes_the_same_files() -> None:
    for layout in (V1, V2, HYBRID):
        there = {write.name for write in plan_change(ALL, RARER, layout)}
        back = {write.name for write in plan_change(RARER, ALL, layout)}
        assert there == back


def test_where_nobody_knows_what_a_group_holds_all_is_written() -> None:
    assert changes(None, ALL, V2) == [
        "memory.max = 67108864",
        "memory.swap.max = 0",
        "memory.low = 0",
        "cpu.max = 50000 100000",
        "cpu.weight = 100",
        "pids.max = 100",
    ]


def test_a_change_that_the_host_cannot_hold_is_refused_by_name() -> None:
    with pytest.raises(InvalidSpec) as refused:
        plan_change(Resources(), ALL, Layout(hierarchies=(_tree(1, "pids"),)))

    assert refused.value.field == "limits.memory_bytes"
