"""A spec is valid or does not exist, and survives its JSON, that of the first schema too."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import InvalidSpec
from runtime.spec.container import ContainerSpec
from runtime.spec.devices import Device
from runtime.spec.mounts import Mount
from runtime.spec.topic import Topic, leaves, topic_fields, value_at
from tests.unit.spec.wishes import EXTRA, WISHES

STORED = {
    "image": "starter", "namespace": "harbour", "name": "box", "command": ["sh"],
    "entrypoint": None, "env": {"A": "1"}, "labels": {"b": "2"},
    "limits": {
        "memory_bytes": 67_108_864, "cpus": 0.5, "pids": 100,
        "log_bytes": 10_485_760, "log_files": 3,
    },
    "user": None, "working_dir": None, "hostname": None, "stop_signal": None,
    "stop_timeout_seconds": 10, "restart": "no", "restart_retries": 0, "read_only": False,
    "id_range": 300_000_000, "privileged": False, "capabilities_add": ["NET_ADMIN"],
    "capabilities_drop": [], "seccomp": "default", "no_new_privileges": True,
    "host_namespaces": ["pid", "network"],
    "binds": [{"source": "/srv", "target": "/data", "read_only": True}],
    "devices": ["/dev/fuse"],
}  # fmt: skip
"""As the first schema wrote it."""
FREE_TOGETHER = [
    field for field in WISHES if field not in EXTRA and field not in ("auto_remove", "seccomp")
]
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


def parsed(**fields: Any) -> ContainerSpec:
    """Return the spec of dotted fields."""
    plain: dict[str, Any] = {"image": "starter"}
    for path, value in fields.items():
        place = plain
        *above, name = path.split(".")
        for topic in above:
            place = place.setdefault(topic, {})
        place[name] = value
    return ContainerSpec.from_json(plain)


@given(chosen=st.sets(st.sampled_from(FREE_TOGETHER)), words=WORDS, key=WORDS)
@settings(max_examples=150, deadline=None)
def test_json_and_back_is_the_same_spec(chosen: set[str], words: str, key: str) -> None:
    wanted = {field: WISHES[field] for field in chosen} | {
        "labels": {key: words},
        "command": [words, key],
    }
    if "namespaces.network" in chosen or "namespaces.ipc" in chosen:
        wanted.pop("namespaces.sysctls", None)
    spec = parsed(**wanted)

    assert ContainerSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize("field", WISHES)
def test_every_field_can_be_asked_for_and_is_kept(field: str) -> None:
    spec = (
        ContainerSpec.from_json({"image": "x"} | EXTRA[field])
        if field in EXTRA
        else parsed(**{field: WISHES[field]})
    )

    again = ContainerSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert value_at(again, field) == value_at(spec, field)
    assert value_at(spec, field) != value_at(ContainerSpec(image="x"), field)


def test_a_stored_spec_of_the_first_schema_still_parses() -> None:
    spec = ContainerSpec.from_json(STORED)

    assert spec.mounts == (Mount(type="bind", source="/srv", target="/data", read_only=True),)
    assert (spec.namespaces.pid, spec.namespaces.network) == ("host", "host")
    assert spec.namespaces.ipc == "private"
    assert spec.devices == (Device(source="/dev/fuse"),)
    assert (spec.limits.cpus, spec.limits.pids, dict(spec.env)) == (0.5, 100, {"A": "1"})
    assert ContainerSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    "field", [field for field, value in WISHES.items() if not isinstance(value, str)]
)
def test_a_value_of_the_wrong_kind_is_refused_by_name(field: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        parsed(**{field: object()})

    assert refused.value.field.startswith(field)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"image": " "}, "image"),
        ({"nonsense": 1}, "nonsense"),
        ({"limits.nonsense": 1}, "limits.nonsense"),
        ({"limits.memory_bytes": 1}, "limits.memory_bytes"),
        ({"limits.memory_swap_bytes": 1 << 30}, "limits.memory_swap_bytes"),
        (
            {"limits.memory_bytes": 1 << 30, "limits.memory_swap_bytes": 1 << 29},
            "limits.memory_swap_bytes",
        ),
        (
            {"limits.memory_bytes": 1 << 29, "limits.memory_reservation_bytes": 1 << 30},
            "limits.memory_reservation_bytes",
        ),
        ({"limits.cpu_burst_microseconds": 1000}, "limits.cpu_burst_microseconds"),
        ({"limits.cpu_idle": True, "limits.cpu_shares": 512}, "limits.cpu_idle"),
        ({"limits.cpuset_cpus": "0-"}, "limits.cpuset_cpus"),
        (
            {"limits.io_read_bps": [{"device": "/dev/../etc", "rate": 5}]},
            "limits.io_rates.device",
        ),
        ({"limits.ulimits": [{"name": "files", "soft": 1, "hard": 1}]}, "limits.ulimits.name"),
        ({"limits.ulimits": [{"name": "core", "soft": 2, "hard": 1}]}, "limits.ulimits.soft"),
        ({"limits.ulimits": [{"name": "core", "hard": 1}]}, "limits.ulimits.soft"),
        ({"namespaces.sysctls": {"kernel.panic": "1"}}, "namespaces.sysctls"),
        ({"namespaces.sysctls": {"net/ipv4": "1"}}, "namespaces.sysctls"),
        ({"namespaces.sysctls": {"net.ipv4..x": "1"}}, "namespaces.sysctls"),
        (
            {"namespaces.network": "host", "namespaces.sysctls": {"net.ipv4.ip_forward": "1"}},
            "namespaces.sysctls",
        ),
        ({"namespaces.pid": "shareable"}, "namespaces.pid"),
        ({"network.extra_hosts": ["db"]}, "network.extra_hosts"),
        ({"network.extra_hosts": ["a b:1.1.1.1"]}, "network.extra_hosts"),
        ({"network.dns_servers": ["one"]}, "network.dns_servers"),
        ({"network.dns_search": ["a\nnameserver 6.6.6.6"]}, "network.dns_search"),
        ({"network.dns_options": ["a b"]}, "network.dns_options"),
        ({"mounts": [{"target": "/a"}]}, "mounts.source"),
        ({"mounts": [{"target": "/", "type": "tmpfs"}]}, "mounts.target"),
        ({"mounts": [{"target": "/a/../b", "type": "tmpfs"}]}, "mounts.target"),
        ({"mounts": [{"source": "/x", "target": "/a", "size_bytes": 1}]}, "mounts.size_bytes"),
        ({"mounts": [{"type": "tmpfs", "target": "/a"}] * 2}, "mounts.target"),
        ({"health": {"test": ["echo"]}}, "health.test"),
        ({"health": {"test": ["CMD-SHELL", "a", "b"]}}, "health.test"),
        ({"health": {"timeout_seconds": 0}}, "health.timeout_seconds"),
        ({"health": {"retries": 0}}, "health.retries"),
        ({"auto_remove": True, "restart": "always"}, "auto_remove"),
        ({"devices": [{"permissions": "rr", "source": "/dev/fuse"}]}, "devices.permissions"),
        ({"devices": [{"kind": "c", "target": "/dev/x"}]}, "devices.major"),
        ({"binds": [{"source": "srv", "target": "/a"}]}, "mounts.source"),
        ({"host_namespaces": ["mount"]}, "host_namespaces"),
        ({"process.umask": 0o1000}, "process.umask"),
        ({"process.groups_add": ["a:b"]}, "process.groups_add"),
    ],
)
def test_what_is_not_valid_names_its_field(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        parsed(**fields)

    assert refused.value.field == named


def kinds(kind: type[Topic]) -> set[type[Topic]]:
    """Return all topics that are loaded."""
    return {kind}.union(*(kinds(one) for one in kind.__subclasses__()))


LOADED = {kind.__name__: kind for kind in kinds(Topic) if kind.__module__ != Topic.__module__}


@pytest.mark.parametrize("kind", LOADED.values(), ids=LOADED)
def test_every_field_is_in_its_class_docstring(kind: type[Topic]) -> None:
    told = kind.__doc__ or ""

    assert [name for name in topic_fields(kind) if f"`{name}`" not in told] == []


def test_specs_are_frozen_to_the_bottom() -> None:
    spec = parsed(**{"limits.ulimits": WISHES["limits.ulimits"], "labels": {"a": "b"}})

    with pytest.raises(TypeError):
        spec.labels["a"] = "c"  # type: ignore[index]
    with pytest.raises(AttributeError):
        spec.limits.ulimits[0].soft = 3  # type: ignore[misc]
    assert len(set(leaves(ContainerSpec))) == len(WISHES)
