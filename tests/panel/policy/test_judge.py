"""The judge looks at every field, and says no by default."""

from __future__ import annotations

from typing import Any

import pytest

from panel.policy.judge import judge
from panel.policy.presets import FLAGS, PRESETS, preset
from panel.policy.rules import Allowances, Ceiling, Quotas, Refused, Rules, Usage
from runtime.errors import InvalidSpec, NotFound
from runtime.spec.container import ContainerSpec
from runtime.spec.hooks import Hooks
from runtime.spec.limits import Limits
from runtime.spec.mounts import Mount
from runtime.spec.topic import topic_fields

BASE = 300_000_000
ALL_DEVICES = Allowances(devices=("*",))
OPEN = preset("privileged").allowances
HOST_PATH = [{"source": "/srv/a", "target": "/a"}]
SHARED_PATH = [{"source": "/srv/a", "target": "/a", "propagation": "rshared"}]
HOOK = [{"program": "/bin/true"}]
FIFO = {"policy": "SCHED_FIFO", "priority": 3}
NICE = [{"name": "nice", "soft": 40, "hard": 40}]
OPEN_FILTER = {"default_action": "SCMP_ACT_ALLOW"}
WISHES: list[tuple[str, Any, Allowances]] = [
    ("privileged", True, Allowances(privileged=True)),
    ("mounts", HOST_PATH, Allowances(host_paths=("/srv",))),
    ("mounts", SHARED_PATH, Allowances(host_paths=("/srv",), mount_propagation=True)),
    ("mounts", [{"type": "nfs", "target": "/a"}], Allowances(other_filesystems=True)),
    (
        "mounts",
        [{"type": "volume", "target": "/a", "driver_options": {"device": "/etc", "o": "bind"}}],
        Allowances(volume_drivers=True),
    ),
    (
        "mounts",
        [{"type": "volume", "target": "/a", "driver": "nfs"}],
        Allowances(volume_drivers=True),
    ),
    (
        "mounts",
        [{"type": "tmpfs", "target": "/a", "options": ["dev"]}],
        Allowances(mount_options=True),
    ),
    ("namespaces.pid", "host", Allowances(host_namespaces=("pid",))),
    ("namespaces.ipc", "host", Allowances(host_namespaces=("ipc",))),
    ("namespaces.uts", "host", Allowances(host_namespaces=("uts",))),
    ("namespaces.network", "host", Allowances(host_namespaces=("network",))),
    ("namespaces.cgroup", "host", Allowances(host_namespaces=("cgroup",))),
    ("namespaces.user", "host", Allowances(host_namespaces=("user",))),
    ("namespaces.network", "path:/proc/1/ns/net", Allowances(host_namespaces=("network",))),
    ("namespaces.mount", "path:/proc/1/ns/mnt", Allowances(host_namespaces=("mount",))),
    ("namespaces.time", "path:/proc/1/ns/time", Allowances(host_namespaces=("time",))),
    ("namespaces.pid", "container:abc", Allowances(other_containers=True)),
    ("devices", ["/dev/fuse"], Allowances(devices=("/dev/fuse",))),
    ("devices", [{"kind": "b", "major": 8, "minor": 0, "target": "/dev/x"}], ALL_DEVICES),
    ("device_rules", [{"kind": "b"}], Allowances(devices=("b *:*",))),
    ("device_requests", [{"driver": "nvidia", "count": -1}], Allowances(devices=("nvidia",))),
    ("capabilities_add", ["net_admin"], Allowances(capabilities=("NET_ADMIN",))),
    (
        "security.capability_sets",
        {"ambient": ["CAP_SYS_ADMIN"]},
        Allowances(capabilities=("SYS_ADMIN",)),
    ),
    ("seccomp", "unconfined", Allowances(unconfined_seccomp=True)),
    ("security.seccomp_profile", OPEN_FILTER, Allowances(custom_seccomp=True)),
    ("security.apparmor_profile", "unconfined", Allowances(security_profiles=("unconfined",))),
    ("security.selinux_label", "a:b:c", Allowances(security_profiles=("a:b:c",))),
    ("security.mount_label", "a:b:c", Allowances(security_profiles=("a:b:c",))),
    (
        "security.selinux_options",
        {"disable": "true"},
        Allowances(security_profiles=("disable:true",)),
    ),
    ("security.masked_paths", [], Allowances(unmasked_paths=True)),
    ("security.readonly_paths", [], Allowances(unmasked_paths=True)),
    ("no_new_privileges", False, Allowances(new_privileges=True)),
    ("storage.volumes_from", ["abc"], Allowances(other_containers=True)),
    ("storage.volume_driver", "nfs", Allowances(volume_drivers=True)),
    ("storage.options", {"size": "1"}, Allowances(volume_drivers=True)),
    ("storage.rootfs_propagation", "shared", Allowances(mount_propagation=True)),
    ("network.port_bindings", [{"port": 80}], Allowances(host_ports=True)),
    ("network.publish_all", True, Allowances(host_ports=True)),
    ("network.links", ["db:db"], Allowances(other_containers=True)),
    ("logging.options", {"syslog-address": "tcp://x"}, Allowances(log_options=True)),
    ("process.oom_score_adj", -1, Allowances(oom_protection=True)),
    ("process.scheduler", FIFO, Allowances(realtime=True)),
    ("process.io_priority", {"klass": "IOPRIO_CLASS_RT"}, Allowances(realtime=True)),
    ("limits.ulimits", NICE, Allowances(realtime=True)),
    ("limits.oom_kill_disable", True, Allowances(oom_protection=True)),
    ("limits.cpu_realtime_runtime_microseconds", 9, Allowances(realtime=True)),
    ("limits.cpu_realtime_period_microseconds", 9, Allowances(realtime=True)),
    ("limits.unified", {"memory.low": "max"}, Allowances(raw_cgroup=True)),
    ("limits.cgroup_parent", "/", Allowances(raw_cgroup=True)),
    ("limits.rdma", {"mlx": {}}, Allowances(raw_cgroup=True)),
    ("limits.net_class_id", 0, Allowances(raw_cgroup=True)),
    ("limits.net_priorities", {"eth0": 1}, Allowances(raw_cgroup=True)),
    ("limits.intel_rdt", {}, Allowances(raw_cgroup=True)),
    ("limits.log_bytes", (2 << 30) + 1, Allowances(max_log_bytes=8 << 30)),
    ("limits.log_files", 205, Allowances(max_log_bytes=3 << 30)),
    *[(f"hooks.{name}", HOOK, Allowances(hooks=True)) for name in topic_fields(Hooks)],
]


def asking(field: str, value: Any) -> ContainerSpec:
    """Return a spec with one wish."""
    topic, _, name = field.rpartition(".")
    wish = {topic: {name: value}} if topic else {name: value}
    return ContainerSpec.from_json({"image": "starter", "id_range": BASE} | wish)


def spec(**wishes: Any) -> ContainerSpec:
    return ContainerSpec(image="starter", id_range=BASE, **wishes)


def test_every_flag_has_a_wish_that_needs_it() -> None:
    needed = {flag for flag in FLAGS for _, _, enough in WISHES if getattr(enough, flag)}

    assert needed == set(FLAGS)


@pytest.mark.parametrize(("field", "wish", "enough"), WISHES)
def test_the_privileged_preset_allows_every_opt_out(
    field: str, wish: Any, enough: Allowances
) -> None:
    open_node = Ceiling(id_base=BASE, allowances=OPEN)

    assert judge(asking(field, wish), preset("privileged"), Usage(), open_node).allowed


@pytest.mark.parametrize(
    ("field", "wish"),
    [
        ("process.oom_score_adj", 500),
        ("process.scheduler", {"policy": "SCHED_BATCH", "nice": 5}),
        ("limits.ulimits", [{"name": "nofile", "soft": 9, "hard": 9}]),
        ("limits.memory_reservation_bytes", 1 << 20),
        ("limits.log_files", 204),
        ("device_rules", [{"allow": False}]),
        ("mounts", [{"type": "tmpfs", "target": "/run"}]),
        ("mounts", [{"type": "tmpfs", "target": "/run", "options": ["exec", "size=1m", "ro"]}]),
        ("mounts", [{"type": "volume", "source": "data", "target": "/data"}]),
        ("namespaces.ipc", "none"),
        ("namespaces.sysctls", {"net.ipv4.ip_unprivileged_port_start": "0"}),
        ("network.extra_hosts", ["db:10.0.0.1"]),
    ],
)
def test_what_stays_inside_is_allowed_by_the_strictest_of_all(field: str, wish: Any) -> None:
    assert judge(asking(field, wish), Rules(), Usage(), Ceiling(id_base=BASE)).allowed


@pytest.mark.parametrize("total", [-1, 1 << 30])
def test_a_team_with_limited_memory_has_no_swap_beside_it(total: int) -> None:
    limits = Limits(memory_bytes=1 << 29, memory_swap_bytes=total)
    quotas = Quotas(max_memory_bytes=1 << 31)

    verdict = judge(spec(limits=limits), Rules(quotas=quotas), Usage(), None)

    assert [one.field for one in verdict.refusals] == ["limits.memory_swap_bytes"]


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        (Limits(log_bytes=1 << 29, log_files=1), "limits.log_bytes"),
        (Limits(log_bytes=1 << 27, log_files=3), "limits.log_files"),
        (Limits(log_bytes=1 << 27, log_files=2), None),
    ],
)
def test_a_log_is_bounded_as_a_whole(limits: Limits, field: str | None) -> None:
    quarter = Allowances(max_log_bytes=1 << 28)
    restricted = Rules(allowances=preset("restricted").allowances)
    by_team = judge(spec(limits=limits), restricted, Usage(), None)
    by_node = judge(
        spec(limits=limits), Rules(), Usage(), Ceiling(id_base=BASE, allowances=quarter)
    )

    for verdict in (by_team, by_node):
        assert [one.field for one in verdict.refusals] == ([field] if field else [])
        assert all(f"allows {1 << 28}" in one.reason for one in verdict.refusals)


def test_a_plain_spec_is_allowed_by_the_strictest_of_all() -> None:
    assert judge(spec(), Rules(), Usage(), Ceiling(id_base=BASE)).allowed


@pytest.mark.parametrize(("field", "wish", "enough"), WISHES)
def test_an_opt_out_needs_the_policy_and_the_ceiling(
    field: str, wish: Any, enough: Allowances
) -> None:
    wanted = asking(field, wish)
    both = judge(
        wanted, Rules(allowances=enough), Usage(), Ceiling(id_base=BASE, allowances=enough)
    )
    policy_only = judge(wanted, Rules(allowances=enough), Usage(), Ceiling(id_base=BASE))
    ceiling_only = judge(wanted, Rules(), Usage(), Ceiling(id_base=BASE, allowances=OPEN))
    neither = judge(wanted, Rules(), Usage(), Ceiling(id_base=BASE))

    assert both.allowed
    assert {one.field for one in policy_only.refusals} == {field}
    assert "ceiling" in policy_only.refusals[0].reason
    assert {one.field for one in ceiling_only.refusals} == {field}
    assert "policy" in ceiling_only.refusals[0].reason
    assert len(neither.refusals) == len(policy_only.refusals) + len(ceiling_only.refusals)


@pytest.mark.parametrize(("field", "wish", "enough"), WISHES)
def test_a_ceiling_that_cannot_be_read_allows_no_opt_out(
    field: str, wish: Any, enough: Allowances
) -> None:
    broken = Ceiling(id_base=BASE, allowances=OPEN, fault="the file is not usable")

    verdict = judge(asking(field, wish), Rules(allowances=OPEN), Usage(), broken)

    assert {(one.field, "not usable" in one.reason) for one in verdict.refusals} == {(field, True)}


@pytest.mark.parametrize("path", ["/srv", "/srvx", "/", "/etc", "/srv/data2"])
def test_only_paths_below_an_allowed_one_are_allowed(path: str) -> None:
    allowed = Allowances(host_paths=("/srv/data",))
    wanted = spec(mounts=(Mount(source=path, target="/x"),))

    assert not judge(wanted, Rules(allowances=allowed), Usage(), None).allowed


@pytest.mark.parametrize("name", ["chown", "CAP_CHOWN", "Setuid"])
def test_a_capability_that_everybody_has_is_no_opt_out(name: str) -> None:
    assert judge(spec(capabilities_add=(name,)), Rules(), Usage(), Ceiling(id_base=BASE)).allowed


def test_all_capabilities_need_all_to_be_allowed() -> None:
    one = Rules(allowances=Allowances(capabilities=("SYS_ADMIN",)))
    every = Rules(allowances=Allowances(capabilities=("*",)))

    assert not judge(spec(capabilities_add=("ALL",)), one, Usage(), None).allowed
    assert judge(spec(capabilities_add=("ALL",)), every, Usage(), None).allowed


@pytest.mark.parametrize(
    ("quotas", "limits", "usage", "words"),
    [
        (Quotas(max_containers=3), Limits(), Usage(containers=3), "3 containers"),
        (Quotas(max_memory_bytes=1 << 30), Limits(), Usage(), "must be given"),
        (
            Quotas(max_memory_bytes=1 << 30),
            Limits(memory_bytes=1 << 29),
            Usage(memory_bytes=(1 << 29) + 1),
            "more than the team's",
        ),
        (Quotas(max_cpus=2), Limits(cpus=1.5), Usage(cpus=1.0), "more than the team's"),
        (Quotas(max_pids=100), Limits(pids=101), Usage(), "for one container"),
    ],
)
def test_a_quota_is_told_with_its_arithmetic(
    quotas: Quotas, limits: Limits, usage: Usage, words: str
) -> None:
    verdict = judge(spec(limits=limits), Rules(quotas=quotas), usage, None)

    assert words in verdict.refusals[0].reason


def test_a_quota_may_be_filled_to_the_brim() -> None:
    quotas = Quotas(max_containers=2, max_memory_bytes=1 << 30, max_cpus=2.0, max_pids=512)
    limits = Limits(memory_bytes=1 << 29, cpus=1.0)
    usage = Usage(containers=1, memory_bytes=1 << 29, cpus=1.0)

    assert judge(spec(limits=limits), Rules(quotas=quotas), usage, None).allowed


def test_a_refusal_names_the_first_field_and_all_reasons() -> None:
    with pytest.raises(Refused) as caught:
        judge(spec(privileged=True, seccomp="unconfined"), Rules(), Usage(), None).enforce()

    assert caught.value.details()["field"] == "privileged"
    assert {one["field"] for one in caught.value.details()["refusals"]} == {"privileged", "seccomp"}


@pytest.mark.parametrize("name", PRESETS)
def test_overrides_change_only_what_they_name(name: str) -> None:
    changed = preset(name).overridden({"max_pids": 7, "devices": ["/dev/fuse"]})

    assert (changed.quotas.max_pids, changed.allowances.devices) == (7, ("/dev/fuse",))
    assert changed.quotas.max_containers == preset(name).quotas.max_containers
    assert changed.allowances.privileged == preset(name).allowances.privileged


@pytest.mark.parametrize(
    "wrong",
    [
        {"priviliged": True},
        {"privileged": 1},
        {"host_paths": "/"},
        {"max_pids": True},
        {"max_log_bytes": "1"},
        {"max_log_bytes": -1},
    ],
)
def test_rules_that_cannot_be_understood_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpec):
        Rules().overridden(wrong)


def test_an_unknown_preset_is_not_found() -> None:
    with pytest.raises(NotFound):
        preset("everything")
