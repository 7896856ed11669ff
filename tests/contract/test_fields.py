"""What a spec may ask for besides a command: accepted, carried out, or refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.engine import Engine
from runtime.errors import InvalidSpec
from runtime.spec.container import ContainerSpec
from tests.contract.conftest import NOBODY, SLEEPER, actions, output, running


def asking(script: str, **wishes: Any) -> ContainerSpec:
    return ContainerSpec.from_json({"image": "starter", "command": ["sh", "-c", script], **wishes})


@pytest.mark.parametrize(
    "wish",
    [
        {"limits": {"ulimits": [{"name": "nofile", "soft": 64, "hard": 128}]}},
        {"process": {"oom_score_adj": 500}},
        {"process": {"init": True}, "limits": {"memory_bytes": 6 << 20}},
        {"process": {"personality": "LINUX32"}},
        {"namespaces": {"sysctls": {"net.ipv4.ip_unprivileged_port_start": "0"}}},
        {"mounts": [{"type": "tmpfs", "target": "/srv/x", "options": ["exec", "uid=1"]}]},
        {"security": {"masked_paths": [], "readonly_paths": ["/proc/sys"]}},
        {"security": {"seccomp_profile": {"default_action": "SCMP_ACT_ALLOW"}}},
        {"limits": {"cpuset_cpus": "0"}},
        {"namespaces": {"network": "none", "ipc": "none"}},
        {"network": {"disabled": True}, "namespaces": {"ipc": "shareable"}},
        {"namespaces": {"uts": "host", "ipc": "host", "cgroup": "host"}},
        {"namespaces": {"pid": "host", "network": "host"}},
        {"namespaces": {"user": "host"}},
        {"privileged": True},
        {"devices": [{"source": "/dev/null", "target": "/dev/x"}]},
        {"device_rules": [{"kind": "c", "major": 10, "minor": 229}]},
    ],
    ids="-".join,
)
def test_a_wish_is_carried_out_and_told_back(engine: Engine, wish: dict[str, Any]) -> None:
    spec = asking("echo well; exit 3", **wish)
    made = engine.containers.start(engine.containers.create(spec).id)
    over = engine.containers.wait(made.id, timeout_seconds=20)

    assert (over.exit_code, output(engine, made.id)) == (3, b"well\n")
    assert ContainerSpec.from_json(over.spec) == spec


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"mounts": [{"type": "bind", "source": "/", "target": "/x"}]}, "mounts.type"),
        ({"mounts": [{"type": "tmpfs", "target": "/x", "options": ["bind"]}]}, "mounts.options"),
        ({"devices": [{"source": "/dev/null", "target": "/x"}]}, "devices.target"),
        ({"namespaces": {"pid": "container:abc"}}, "namespaces.pid"),
        ({"namespaces": {"user": f"container:{NOBODY}"}}, "namespaces.user"),
        ({"namespaces": {"pid": f"container:{NOBODY}"}, "privileged": True}, "privileged"),
        (
            {"namespaces": {"pid": f"container:{NOBODY}", "ipc": f"container:{'a' * 32}"}},
            "namespaces.ipc",
        ),
        ({"namespaces": {"network": "path:/proc/1/ns/net"}}, "namespaces.network"),
        ({"namespaces": {"uts": "host"}, "hostname": "box"}, "hostname"),
        (
            {"security": {"seccomp_profile": {"defaultAction": "SCMP_ACT_NOTIFY"}}},
            "security.seccomp_profile.default_action",
        ),
    ],
)
def test_what_is_carried_out_in_part_refuses_the_rest_by_name(
    engine: Engine, wish: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidSpec) as refused:
        engine.containers.create(asking("true", **wish))

    assert refused.value.field == field
    assert engine.containers.list() == []


def test_a_reaper_passes_the_stop_signal_on_to_a_command_without_handlers(engine: Engine) -> None:
    spec = ContainerSpec.from_json(
        {"image": "starter", "command": ["sleep", "60"], "process": {"init": True}}
    )
    made = engine.containers.start(engine.containers.create(spec).id)
    engine.containers.stop(made.id)

    assert engine.containers.wait(made.id, timeout_seconds=8).exit_code == 143


def test_what_is_to_be_removed_goes_once_it_has_ended(engine: Engine) -> None:
    short, long, kept = (
        engine.containers.create(asking(script, auto_remove=remove)).id
        for script, remove in (("true", True), ("sleep 60", True), ("true", False))
    )
    assert engine.containers.recover() == ()
    for one in (short, long, kept):
        engine.containers.start(one)
    for one in (short, kept):
        engine.containers.wait(one, timeout_seconds=20)
    assert engine.containers.recover(busy=lambda one: one == short) == ()
    assert engine.containers.inspect(short).state == "exited"
    for _ in range(2):
        assert engine.containers.recover() == ()

    assert {record.id for record in engine.containers.list()} == {long, kept}
    assert actions(engine, short) == ["created", "started", "exited", "deleted"]


def test_a_container_shares_namespaces_of_another_that_runs(engine: Engine) -> None:
    other = running(engine, SLEEPER)
    modes = dict.fromkeys(("network", "pid", "ipc", "uts"), f"container:{other.id}")
    made = engine.containers.create(asking("echo well", namespaces=modes))
    engine.containers.start(made.id)

    assert engine.containers.wait(made.id, timeout_seconds=20).exit_code == 0
    assert output(engine, made.id) == b"well\n"
    assert engine.containers.inspect(other.id) == other
