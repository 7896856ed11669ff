from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from runtime.abi import MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY
from runtime.errors import InvalidSpec
from runtime.isolation import capabilities
from runtime.isolation.plan import Filesystem, JoinSpec, plan_filesystems, plan_join, plan_launch
from runtime.oci.bundle import Bundle

BUNDLE = Bundle(
    id="c1",
    args=("/bin/true",),
    env=(("A", "b"),),
    cwd="",
    user="alice",
    hostname="box",
    lower=("/layers/2", "/layers/1"),
    state_dir="/containers/c1",
    id_base=1_000_000,
    cgroup="x/c1",
)


def _plan(**changes: Any) -> Any:
    bundle = dataclasses.replace(BUNDLE, **changes)
    return plan_launch(bundle, view=("memory", "pids"), machine="x86_64")


def _by_target(filesystems: tuple[Filesystem, ...]) -> dict[str, Filesystem]:
    return {filesystem.target: filesystem for filesystem in filesystems}


def test_parents_come_before_their_children() -> None:
    targets = [filesystem.target for filesystem in _plan().filesystems]

    for place, target in enumerate(targets):
        parent = target.rpartition("/")[0]
        assert not parent or any(parent.startswith(above) for above in targets[:place]), target


def test_nothing_attached_grants_privileges_or_opens_devices_but_dev() -> None:
    for filesystem in _plan().filesystems:
        assert filesystem.attributes & MOUNT_ATTR_NOSUID, filesystem
        if filesystem.target not in ("dev", "dev/pts"):
            assert filesystem.attributes & MOUNT_ATTR_NODEV, filesystem
            assert filesystem.attributes & MOUNT_ATTR_NOEXEC, filesystem


@pytest.mark.parametrize("target", ["sys", "sys/fs/cgroup/memory", "sys/fs/cgroup/pids"])
def test_what_tells_of_the_host_is_read_only(target: str) -> None:
    assert _by_target(_plan().filesystems)[target].attributes & MOUNT_ATTR_RDONLY


def test_on_v2_the_cgroup_view_is_one_read_only_mount() -> None:
    filesystems = _by_target(plan_filesystems(1_000_000, 65_536, ("unified",)))

    assert filesystems["sys/fs/cgroup"].fstype == "cgroup2"
    assert filesystems["sys/fs/cgroup"].attributes & MOUNT_ATTR_RDONLY


def test_controllers_that_share_a_hierarchy_share_a_mount() -> None:
    filesystems = _by_target(plan_filesystems(1_000_000, 65_536, ("cpu,cpuacct",)))

    assert filesystems["sys/fs/cgroup/cpu,cpuacct"].options == (("cpu", ""), ("cpuacct", ""))


def test_the_name_files_say_who_it_is() -> None:
    files = dict(_plan().name_files)

    assert files["hostname"] == "box\n"
    assert files["hosts"].endswith("127.0.1.1\tbox\n")


def test_filesystems_belong_to_root_inside() -> None:
    filesystems = _by_target(_plan(shm_bytes=1 << 20).filesystems)

    assert ("uid", "1000000") in filesystems["dev"].options
    assert ("gid", "1000005") in filesystems["dev/pts"].options
    assert ("size", "1048576") in filesystems["dev/shm"].options
    assert filesystems["dev/mqueue"].owned


def test_a_step_can_be_read() -> None:
    shm = _by_target(_plan().filesystems)["dev/shm"]

    assert str(shm) == "mount tmpfs on /dev/shm (mode=1777,size=67108864,uid=1000000,gid=1000000)"
    assert str(_by_target(_plan().filesystems)["proc"]) == "mount proc on /proc (defaults)"


def test_the_environment_keeps_a_path_that_was_given() -> None:
    assert _plan().process.env["PATH"].startswith("/usr/local/sbin:")
    assert _plan(env=(("PATH", "/opt"),)).process.env == {"PATH": "/opt"}


def test_an_empty_working_directory_is_the_root() -> None:
    assert _plan().process.cwd == "/"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"args": ()}, "command"),
        ({"args": ("",)}, "command"),
        ({"capabilities": ("CAP_FLY",)}, "capabilities"),
        ({"seccomp": "off"}, "seccomp"),
        ({"masked_paths": ("/etc/shadow",)}, "security.masked_paths"),
        ({"masked_paths": ("/proc/",)}, "security.masked_paths"),
        ({"readonly_paths": ("/proc/../etc",)}, "security.readonly_paths"),
    ],
)
def test_what_cannot_be_planned_names_the_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        _plan(**changes)

    assert caught.value.field == field


def test_ping_of_debian_stays_executable_only_while_it_can_gain_nothing() -> None:
    raw = capabilities.mask(("CAP_NET_RAW",))
    on = _plan().process.confinement
    off = _plan(no_new_privileges=False).process.confinement

    assert on.bounding & raw
    assert not on.permitted & raw
    assert not off.bounding & raw


def test_unconfined_means_no_filter_and_default_means_one() -> None:
    assert _plan(seccomp="unconfined").process.confinement.program == b""
    assert len(_plan().process.confinement.program) % 8 == 0
    assert _plan().process.confinement.program


def test_a_join_is_confined_as_a_launch_is() -> None:
    joined = plan_join(JoinSpec(args=("/bin/sh",), id_base=1_000_000), machine="x86_64")

    assert joined.confinement == _plan().process.confinement


def test_capabilities_outside_the_mask_are_all_the_others() -> None:
    mask = capabilities.mask(("CAP_CHOWN", "CAP_KILL"))

    assert set(capabilities.numbers_outside(mask)) == set(range(41)) - {0, 5}


def test_a_tmpfs_belongs_to_root_inside_and_is_sealed_unless_it_says_otherwise() -> None:
    plain, other = _plan(
        tmpfs=(("/run", ("size=4096", "mode=755")), ("/srv", ("exec", "uid=5", "ro")))
    ).mounts
    sealed = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC

    assert dict(plain.data) == {"size": "4096", "mode": "755", "uid": "1000000", "gid": "1000000"}
    assert plain.own.set == sealed
    assert dict(other.data) == {"uid": "1000005", "gid": "1000000"}
    assert other.own.set == sealed & ~MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY


def test_groups_that_may_ping_are_told_to_the_host_as_its_own() -> None:
    name = "net.ipv4.ping_group_range"
    told = _plan(sysctls=((name, "0\t2147483647"), ("kernel.shmmax", "7"))).sysctls

    assert told == ((name, "1000000 1065535"), ("kernel.shmmax", "7"))


def test_what_is_masked_by_choice_is_all_that_is_masked() -> None:
    assert _plan().masks_throttles
    assert not _plan(masked_paths=("/proc/keys",)).masks_throttles


def test_a_join_has_what_its_container_has_but_for_its_own() -> None:
    bundle = dataclasses.replace(BUNDLE, rlimits=((7, 1, 2),), oom_score_adj=3, umask=0o077)
    joiner = JoinSpec.inside(bundle, args=("/bin/id",), env=(), cwd="/", user="bob")

    assert (joiner.args, joiner.user) == (("/bin/id",), "bob")
    assert (joiner.rlimits, joiner.oom_score_adj, joiner.umask) == (((7, 1, 2),), 3, 0o077)
    assert joiner.id_base == bundle.id_base
