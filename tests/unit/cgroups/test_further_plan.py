"""What few ask for becomes files of either version, and refusals name the spec's fields."""

from __future__ import annotations

import pytest

from runtime.cgroups.further_plan import asks_further, plan_further
from runtime.cgroups.plan import plan_limits
from runtime.errors import InvalidSpec
from runtime.oci.bundle import Resources
from tests.unit.cgroups.test_resources_plan import NOTHING, V1, V2

CASES = [
    (
        Resources(cpuset_cpus="0-1"),
        ("cpuset.cpus = 0-1", "limits.cpuset_cpus"),
        ("cpuset.cpus = 0-1", "limits.cpuset_cpus"),
    ),
    (
        Resources(io_weight=10),
        ("blkio.bfq.weight = 10", "limits.io_weight"),
        ("io.weight = default 1", "limits.io_weight"),
    ),
    (
        Resources(io_weights=(("8:0", 1000),)),
        ("blkio.bfq.weight_device = 8:0 1000", "limits.io_weight_devices"),
        ("io.weight = 8:0 10000", "limits.io_weight_devices"),
    ),
    (
        Resources(io_rates=(("write_iops", "8:0", 5),)),
        ("blkio.throttle.write_iops_device = 8:0 5", "limits.io_write_iops"),
        ("io.max = 8:0 wiops=5", "limits.io_write_iops"),
    ),
    (
        Resources(huge_pages=(("2MB", 7),)),
        ("hugetlb.2MB.limit_in_bytes = 7", "limits.huge_pages"),
        ("hugetlb.2MB.max = 7", "limits.huge_pages"),
    ),
]


@pytest.mark.parametrize(("resources", "v1", "v2"), CASES)
def test_each_is_written_and_knows_its_field(
    resources: Resources, v1: tuple[str, str], v2: tuple[str, str]
) -> None:
    for layout, expected in ((V1, v1), (V2, v2)):
        writes = plan_further(resources, layout).writes
        told = [(str(one), one.field) for one in writes if one.controller != "devices"]

        assert told == [expected]


@pytest.mark.parametrize("resources", [one for one, _, _ in CASES])
def test_what_a_host_has_no_controller_for_is_refused_by_the_field(resources: Resources) -> None:
    fields = {write.field for write in plan_further(resources, V2).writes}
    with pytest.raises(InvalidSpec) as refused:
        plan_further(resources, NOTHING)

    assert {refused.value.field} == fields


def test_the_usual_limits_are_there_too_and_before() -> None:
    plan = plan_further(Resources(pids=3, cpuset_mems="0"), V2)

    assert [str(write) for write in plan.writes] == ["pids.max = 3", "cpuset.mems = 0"]


def test_rules_of_devices_come_with_the_default_ones() -> None:
    usual = {str(write) for write in plan_limits(Resources(), V1)}
    plan = plan_further(Resources(device_rules=((True, "c", 10, None, "rw"),)), V1)

    written = {str(write) for write in plan.writes}
    assert written - usual == {"devices.allow = c 10:* rw"}
    assert usual <= written
    assert {write.field for write in plan.writes} == {"device_rules"}


def test_a_rule_that_v1_would_not_obey_is_refused() -> None:
    rules = ((True, "c", 10, None, "rw"), (False, "c", 10, 3, "rw"))
    with pytest.raises(InvalidSpec) as refused:
        plan_further(Resources(device_rules=rules), V1)

    assert refused.value.field == "device_rules"


def test_v2_lets_nobody_wait_for_memory() -> None:
    with pytest.raises(InvalidSpec) as refused:
        plan_further(Resources(oom_kill_disable=True), V2)

    assert refused.value.field == "limits.oom_kill_disable"


def test_what_all_containers_have_is_nothing_further() -> None:
    assert not asks_further(Resources(pids=5, memory_bytes=1 << 30, cpus=0.5))
    assert asks_further(Resources(oom_kill_disable=True))
