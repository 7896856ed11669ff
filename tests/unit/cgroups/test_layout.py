from __future__ import annotations

from runtime.cgroups.layout import parse

V1 = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices
37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
38 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
"""
V2 = "41 23 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n"
UNIFIED = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"


def test_a_v1_host_has_a_hierarchy_for_each_controller() -> None:
    layout = parse(V1, "")

    assert layout.mode == "v1"
    assert layout.unified is None
    assert {tree.mount: tree.controllers for tree in layout.hierarchies} == {
        "/sys/fs/cgroup/cpu,cpuacct": ("cpu", "cpuacct"),
        "/sys/fs/cgroup/memory": ("memory",),
        "/sys/fs/cgroup/devices": ("devices",),
        "/sys/fs/cgroup/freezer": ("freezer",),
        "/sys/fs/cgroup/pids": ("pids",),
    }


def test_a_v2_host_has_one_for_all() -> None:
    layout = parse(V2, "cpuset cpu io memory hugetlb pids")

    assert layout.mode == "v2"
    assert [tree.mount for tree in layout.hierarchies] == ["/sys/fs/cgroup"]
    assert layout.find("memory") == layout.unified
    assert layout.find("devices") is None


def test_on_a_hybrid_host_each_controller_is_where_it_is() -> None:
    layout = parse(V1 + UNIFIED, "hugetlb")

    assert layout.mode == "hybrid"
    memory, unified = layout.find("memory"), layout.unified
    assert memory is not None
    assert memory.version == 1
    assert unified is not None
    assert unified.mount == "/sys/fs/cgroup/unified"
    assert layout.find("freezer") is None  # the v2 tree freezes and kills


def test_a_hierarchy_mounted_twice_counts_once() -> None:
    again = V2.replace("/sys/fs/cgroup ", "/mnt/again ")

    assert [tree.mount for tree in parse(V2 + again, "pids").hierarchies] == ["/sys/fs/cgroup"]


def test_a_hierarchy_keeps_what_shares_it_and_others_are_left_out() -> None:
    line = "32 31 0:29 / /cg/all rw - cgroup cgroup rw,cpuset,cpu,clone_children\n"

    assert parse(line + V1, "").hierarchies[0].controllers == ("cpuset", "cpu")
    assert all("blkio" not in tree.controllers for tree in parse(V1, "").hierarchies)


def test_a_mount_point_with_a_space_is_unescaped() -> None:
    layout = parse(V2.replace("/sys/fs/cgroup ", "/mnt/my\\040cgroup "), "pids")

    assert layout.hierarchies[0].mount == "/mnt/my cgroup"


def test_a_host_without_cgroups_has_no_layout() -> None:
    assert parse("22 27 0:21 / /proc rw - proc proc rw\n", "").mode == "none"
