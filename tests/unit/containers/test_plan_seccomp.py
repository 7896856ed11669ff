"""A filter of one's own, in Docker's words or ours, counts by node and names what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.containers.plan_seccomp import Node, compile_filter, resolve
from runtime.errors import InvalidSpec
from runtime.spec.container import ContainerSpec
from runtime.spec.security import SeccompProfile

NODE = Node(machine="x86_64", release="6.1.0-13-amd64", capabilities=("CAP_CHOWN",))
DOCKER: dict[str, Any] = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrnoRet": 38,
    "archMap": [
        {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
        {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": None},
    ],
    "syscalls": [
        {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW", "comment": "both"},
        {
            "name": "personality",
            "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": 8, "valueTwo": 0, "op": "SCMP_CMP_EQ"}],
            "includes": {"caps": ["CAP_CHOWN"], "minKernel": "4.8"},
            "excludes": {"arches": ["s390x"]},
        },
    ],
}


def ruled(**rule: Any) -> SeccompProfile:
    """Return a profile of one rule."""
    given = {"names": ["read"], "action": "SCMP_ACT_ALLOW"} | rule
    return SeccompProfile.from_json({"default_action": "SCMP_ACT_KILL", "syscalls": [given]})


def test_a_file_of_docker_is_the_same_in_other_words() -> None:
    profile = SeccompProfile.from_json(DOCKER)

    assert SeccompProfile.from_json(profile.to_json()) == profile
    assert (profile.default_action, profile.default_errno) == ("SCMP_ACT_ERRNO", 38)
    assert profile.architectures == ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64")
    assert [rule.names for rule in profile.syscalls] == [("read", "write"), ("personality",)]
    assert profile.syscalls[1].args[0].value == 8
    assert profile.syscalls[1].includes is not None
    assert profile.syscalls[1].includes.min_kernel == "4.8"


def test_it_compiles() -> None:
    made = compile_filter(SeccompProfile.from_json(DOCKER), NODE)

    assert made.flags == 0
    assert len(made.program) % 8 == 0


@pytest.mark.parametrize(
    ("conditions", "counts"),
    [
        ({}, True),
        ({"includes": {"capabilities": ["CAP_CHOWN"]}}, True),
        ({"includes": {"capabilities": ["CAP_CHOWN", "CAP_KILL"]}}, False),
        ({"excludes": {"capabilities": ["CAP_CHOWN", "CAP_KILL"]}}, False),
        ({"excludes": {"capabilities": ["CAP_KILL"]}}, True),
        ({"includes": {"architectures": ["amd64", "x86"]}}, True),
        ({"includes": {"architectures": ["arm64"]}}, False),
        ({"excludes": {"architectures": ["amd64"]}}, False),
        ({"includes": {"min_kernel": "6.1"}}, True),
        ({"includes": {"min_kernel": "6.2"}}, False),
        ({"includes": {"min_kernel": "5.19"}}, True),
        ({"excludes": {"min_kernel": "4.8"}}, False),
        ({"includes": {}, "excludes": {}}, True),
    ],
)
def test_a_rule_counts_where_its_conditions_hold(conditions: dict[str, Any], counts: bool) -> None:
    assert len(resolve(ruled(**conditions), NODE).rules) == counts


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"syscalls": [{}, {}]}, "security.seccomp_profile.syscalls[0].names"),
        ({"syscalls": ["read"]}, "security.seccomp_profile.syscalls[0]"),
        ({"syscalls": [{"names": ["a"], "action": "ALLOW"}]}, "syscalls[0].action"),
        ({"syscalls": [{"names": ["a"], "act": "x"}]}, "syscalls[0].act"),
        ({"syscalls": [{"name": "a", "names": ["b"]}]}, "syscalls[0].name"),
        ({"archMap": [{"arch": "x"}]}, "security.seccomp_profile.archMap[0].arch"),
        ({"defaultaction": "x"}, "security.seccomp_profile.defaultaction"),
        (
            {"syscalls": [DOCKER["syscalls"][0], {"names": ["a"], "includes": {"cap": []}}]},
            "syscalls[1].includes.cap",
        ),
        (
            {
                "syscalls": [
                    {
                        "names": ["a"],
                        "action": "SCMP_ACT_ALLOW",
                        "args": [
                            {"index": 0, "value": 1, "op": "SCMP_CMP_EQ"},
                            {"index": 6, "value": 1, "op": "SCMP_CMP_EQ"},
                        ],
                    }
                ]
            },
            "security.seccomp_profile.syscalls[0].args[1].index",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_place(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        ContainerSpec.from_json({"image": "x", "security": {"seccomp_profile": DOCKER | change}})

    assert refused.value.field.endswith(field)


@pytest.mark.parametrize(
    ("profile", "field"),
    [
        ({"default_action": "SCMP_ACT_NOTIFY"}, "default_action"),
        ({"default_action": "SCMP_ACT_KILL", "default_errno": 5}, "default_errno"),
        ({"default_action": "SCMP_ACT_KILL", "listener_path": "/run/x"}, "listener_path"),
        (
            {"default_action": "SCMP_ACT_KILL", "architectures": ["SCMP_ARCH_VAX"]},
            "architectures[0]",
        ),
        (
            {
                "default_action": "SCMP_ACT_KILL",
                "flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
            },
            "flags[1]",
        ),
    ],
)
def test_what_is_not_carried_out_is_named_by_its_place(profile: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        compile_filter(SeccompProfile.from_json(profile), NODE)

    assert refused.value.field == f"security.seccomp_profile.{field}"


def test_a_rule_that_notifies_is_named_by_its_place() -> None:
    with pytest.raises(InvalidSpec) as refused:
        resolve(ruled(action="SCMP_ACT_NOTIFY"), NODE)

    assert refused.value.field == "security.seccomp_profile.syscalls[0].action"
