"""Limits that few ask for: the kernel holds them, or they are refused by the field's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.cgroups import cgroup as cgroups
from runtime.cgroups.layout import detect_all
from runtime.errors import InvalidSpec
from runtime.isolation import node
from runtime.oci.bundle import DeviceWish, Resources
from tests.kernel.lab import Lab

pytestmark = pytest.mark.kernel

KMSG = DeviceWish(target="/dev/deep/log", kind="c", major=1, minor=11, permissions="w")
OPENING = ": > /dev/deep/log && echo opened; stat -c %a:%u:%t:%T /dev/deep/log"


def held(lab: Lab, controller: str, name: str, resources: Resources) -> str:
    """Return what a control file of a new group says, "refused: FIELD" where it cannot be."""
    try:
        group = cgroups.create(f"{lab.group}/further", resources)
    except InvalidSpec as refused:
        assert cgroups.open_existing(f"{lab.group}/further").groups == ()
        return f"refused: {refused.field}"
    try:
        return Path(f"{group.directory(controller)}/{name}").read_text().strip()
    finally:
        group.remove()


def version(controller: str) -> int:
    """Return which version has a controller on this host, 0 for none."""
    tree = detect_all().find(controller)
    return tree.version if tree else 0


def a_disk() -> str:
    """Return the numbers of a block device."""
    for line in Path("/proc/partitions").read_text().splitlines()[2:]:
        major, minor, *_ = line.split()
        return f"{major}:{minor}"
    return ""


def test_processes_stay_on_the_cpus_and_nodes_of_their_container(lab: Lab) -> None:
    wanted = Resources(pids=20, cpuset_cpus="0", cpuset_mems="0")
    script = "grep -E '^(Cpus|Mems)_allowed_list' /proc/self/status"

    assert lab.shell(script, resources=wanted).split()[1::2] == ["0", "0"]


def test_cpus_that_the_host_has_not_are_refused(lab: Lab) -> None:
    wanted = Resources(cpuset_cpus="9999")

    assert held(lab, "cpuset", "cpuset.cpus", wanted) == "refused: limits.cpuset_cpus"


def test_huge_pages_have_their_limit(lab: Lab) -> None:
    wanted = Resources(huge_pages=(("2MB", 4 << 20),))
    name = "hugetlb.2MB.max" if version("hugetlb") == 2 else "hugetlb.2MB.limit_in_bytes"
    expected = str(4 << 20) if version("hugetlb") else "refused: limits.huge_pages"

    assert held(lab, "hugetlb", name, wanted) == expected


def test_huge_pages_of_a_size_that_there_is_not_are_refused(lab: Lab) -> None:
    wanted = Resources(huge_pages=(("3MB", 0),))

    assert held(lab, "hugetlb", "hugetlb.3MB.max", wanted) == "refused: limits.huge_pages"


def test_a_disk_is_throttled(lab: Lab) -> None:
    disk = a_disk()
    wanted = Resources(io_rates=(("write_bps", disk or "1:9999", 1 << 20),))
    v2 = version("blkio") == 0
    controller, name = ("io", "io.max") if v2 else ("blkio", "blkio.throttle.write_bps_device")
    told = held(lab, controller, name, wanted)

    if not disk:
        assert told == "refused: limits.io_write_bps"
    else:
        rates = "rbps=max wbps=1048576 riops=max wiops=max"
        assert told == (f"{disk} {rates}" if v2 else f"{disk} 1048576")


def test_a_disk_that_there_is_not_is_refused(lab: Lab) -> None:
    wanted = Resources(io_rates=(("read_iops", "1:99999", 10),))

    assert held(lab, "blkio", "", wanted) == "refused: limits.io_read_iops"


def test_a_group_has_its_weight_or_is_refused(lab: Lab) -> None:
    """Kernels are built with one scheduler that knows weights, or without."""
    v2 = version("blkio") == 0
    controller, name = ("io", "io.weight") if v2 else ("blkio", "blkio.bfq.weight")
    told = held(lab, controller, name, Resources(io_weight=1000))

    assert told in ("default 10000", "1000", "refused: limits.io_weight")


def test_processes_wait_for_memory_on_v1_only(lab: Lab) -> None:
    wanted = Resources(memory_bytes=64 << 20, oom_kill_disable=True)
    told = held(lab, "memory", "memory.oom_control", wanted)

    if version("memory") == 1:
        assert "oom_kill_disable 1" in told
    else:
        assert told == "refused: limits.oom_kill_disable"


def test_files_of_v2_are_written_where_v2_has_their_controller(lab: Lab) -> None:
    wanted = Resources(unified=(("memory.high", str(8 << 20)),))
    told = held(lab, "memory", "memory.high", wanted)

    v2 = version("memory") == 2
    assert told == (str(8 << 20) if v2 else "refused: limits.unified.memory.high")


@pytest.mark.parametrize("name", ["cgroup.procs", "memory.max/../../x", "memory", ".x"])
def test_what_is_no_file_of_a_controller_is_refused(lab: Lab, name: str) -> None:
    assert held(lab, "", "", Resources(unified=((name, "1"),))).startswith("refused: limits.")


def test_a_device_is_there_and_may_be_opened(lab: Lab) -> None:
    wanted = node.fit(lab.bundle("/bin/sh", "-c", OPENING, devices=(KMSG,))).bundle
    box = lab.launch(wanted)
    code, text = lab.finish(box)
    box.close()

    assert (code, text.split()) == (0, ["opened", "666:0:1:b"])


def test_a_device_whose_rule_is_missing_cannot_be_opened(lab: Lab) -> None:
    text = lab.shell(f"({OPENING}) 2>&1", devices=(KMSG,))

    assert "not permitted" in text
    assert "opened" not in text


def test_a_rule_takes_a_permission_away(lab: Lab) -> None:
    rules = ((True, "c", 1, 11, "rw"), (False, "c", 1, 11, "w"))
    wanted = Resources(pids=20, device_rules=rules)
    text = lab.shell(f"({OPENING}) 2>&1", devices=(KMSG,), resources=wanted)

    assert "not permitted" in text


def test_a_device_of_the_host_is_found_by_its_path(lab: Lab) -> None:
    wish = DeviceWish(target="/dev/nothing", source="/dev/null", mode=0o600, uid=5)
    bundle = lab.bundle("/bin/stat", "-c", "%a:%u:%g:%t:%T", "/dev/nothing", devices=(wish,))
    box = lab.launch(node.fit(bundle).bundle)
    _, text = lab.finish(box)
    box.close()

    assert text == "600:5:0:1:3\n"


@pytest.mark.parametrize(
    "target", ["/dev/null", "/dev/shm/x", "/dev/fd/x", "/dev", "/srv/x", "/dev//null"]
)
def test_a_device_has_a_place_of_its_own(lab: Lab, target: str) -> None:
    wish = DeviceWish(target=target, kind="c", major=1, minor=3)
    with pytest.raises(InvalidSpec) as refused:
        lab.run("/bin/true", devices=(wish,))

    assert refused.value.field == "devices.target"


@pytest.mark.parametrize("source", ["/dev/nonesuch", "/dev", "/proc/version"])
def test_what_is_no_device_of_the_host_is_refused(lab: Lab, source: str) -> None:
    bundle = lab.bundle("/bin/true", devices=(DeviceWish(target="/dev/x", source=source),))
    with pytest.raises(InvalidSpec) as refused:
        node.fit(bundle)

    assert refused.value.field == "devices.source"


def test_block_devices_are_found_by_their_paths(lab: Lab) -> None:
    wanted = Resources(io_rates=(("read_bps", "/dev/null", 5),))
    with pytest.raises(InvalidSpec, match="not a block device") as refused:
        node.fit(lab.bundle("/bin/true", resources=wanted))

    assert refused.value.field == "limits.io_read_bps"
