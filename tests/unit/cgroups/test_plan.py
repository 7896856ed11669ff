from __future__ import annotations

import pytest

from runtime.cgroups.layout import Hierarchy, Layout
from runtime.cgroups.plan import plan_limits
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
