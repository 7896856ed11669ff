"""The judge looks at every field, and says no by default."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from panel.policy.judge import FIELDS, judge
from panel.policy.presets import PRESETS, preset
from panel.policy.rules import Allowances, Ceiling, Quotas, Refused, Rules, Usage
from runtime.errors import InvalidSpec, NotFound
from runtime.spec.container import Bind, ContainerSpec
from runtime.spec.limits import Limits

BASE = 300_000_000
OPEN = preset("privileged").allowances
WISHES: list[tuple[str, dict[str, Any], Allowances]] = [
    ("privileged", {"privileged": True}, Allowances(privileged=True)),
    (
        "binds",
        {"binds": (Bind(source="/srv/a", target="/a"),)},
        Allowances(host_paths=("/srv",)),
    ),
    ("host_namespaces", {"host_namespaces": ("pid",)}, Allowances(host_namespaces=("pid",))),
    ("devices", {"devices": ("/dev/fuse",)}, Allowances(devices=("/dev/fuse",))),
    (
        "capabilities_add",
        {"capabilities_add": ("net_admin",)},
        Allowances(capabilities=("NET_ADMIN",)),
    ),
    ("seccomp", {"seccomp": "unconfined"}, Allowances(unconfined_seccomp=True)),
    ("no_new_privileges", {"no_new_privileges": False}, Allowances(new_privileges=True)),
]


def spec(**wishes: Any) -> ContainerSpec:
    return ContainerSpec(image="starter", id_range=BASE, **wishes)


def test_every_field_of_the_spec_is_in_the_table() -> None:
    assert set(FIELDS) == {field.name for field in fields(ContainerSpec)}


def test_a_plain_spec_is_allowed_by_the_strictest_of_all() -> None:
    assert judge(spec(), Rules(), Usage(), Ceiling(id_base=BASE)).allowed


@pytest.mark.parametrize(("field", "wish", "enough"), WISHES)
def test_an_opt_out_needs_the_policy_and_the_ceiling(
    field: str, wish: dict[str, Any], enough: Allowances
) -> None:
    wanted = spec(**wish)
    both = judge(
        wanted, Rules(allowances=enough), Usage(), Ceiling(id_base=BASE, allowances=enough)
    )
    policy_only = judge(wanted, Rules(allowances=enough), Usage(), Ceiling(id_base=BASE))
    ceiling_only = judge(wanted, Rules(), Usage(), Ceiling(id_base=BASE, allowances=OPEN))
    neither = judge(wanted, Rules(), Usage(), Ceiling(id_base=BASE))

    assert both.allowed
    assert [one.field for one in policy_only.refusals] == [field]
    assert "ceiling" in policy_only.refusals[0].reason
    assert [one.field for one in ceiling_only.refusals] == [field]
    assert "policy" in ceiling_only.refusals[0].reason
    assert len(neither.refusals) == 2


@pytest.mark.parametrize(("field", "wish", "enough"), WISHES)
def test_a_ceiling_that_cannot_be_read_allows_no_opt_out(
    field: str, wish: dict[str, Any], enough: Allowances
) -> None:
    broken = Ceiling(id_base=BASE, allowances=OPEN, fault="the file is not usable")

    verdict = judge(spec(**wish), Rules(allowances=OPEN), Usage(), broken)

    assert [(one.field, "not usable" in one.reason) for one in verdict.refusals] == [(field, True)]


@pytest.mark.parametrize("path", ["/srv", "/srvx", "/", "/srv/../etc", "/etc", "/srv/data/.."])
def test_only_paths_below_an_allowed_one_are_allowed(path: str) -> None:
    allowed = Allowances(host_paths=("/srv/data",))
    wanted = spec(binds=(Bind(source=path, target="/x"),))

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
    [{"priviliged": True}, {"privileged": 1}, {"host_paths": "/"}, {"max_pids": True}],
)
def test_rules_that_cannot_be_understood_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpec):
        Rules().overridden(wrong)


def test_an_unknown_preset_is_not_found() -> None:
    with pytest.raises(NotFound):
        preset("everything")
