"""What can be changed of a container is taken from untrusted data, and fits the rest or not."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.errors import InvalidSpec
from runtime.oci.bundle import CHANGEABLE
from runtime.spec.amendment import Amendment, changed_fields
from runtime.spec.container import ContainerSpec
from runtime.spec.limits import DEFAULT_PIDS, Limits

MIB = 1 << 20
SPEC = ContainerSpec(
    image="web",
    name="web",
    limits=Limits(memory_bytes=64 * MIB, cpus=1.0, pids=20),
    restart="on-failure",
    restart_retries=3,
)


def test_what_is_not_named_stays() -> None:
    changed = Amendment.from_json({"limits": {"cpus": 2}}).applied(SPEC)

    assert changed.limits == Limits(memory_bytes=64 * MIB, cpus=2.0, pids=20)
    assert (changed.name, changed.restart, changed.restart_retries) == ("web", "on-failure", 3)


def test_null_is_the_default() -> None:
    wish = {"limits": {"memory_bytes": None, "pids": None, "cpus": None}}

    assert Amendment.from_json(wish).applied(SPEC).limits == Limits(pids=DEFAULT_PIDS)


def test_another_policy_counts_its_retries_anew() -> None:
    always = Amendment.from_json({"restart": {"policy": "always"}}).applied(SPEC)
    more = Amendment.from_json({"restart": {"retries": 9}}).applied(SPEC)

    assert (always.restart, always.restart_retries) == ("always", 0)
    assert (more.restart, more.restart_retries) == ("on-failure", 9)


def test_a_wish_is_the_same_after_a_way_through_json() -> None:
    wish = {"limits": {"cpus": 0.5, "memory_bytes": None}, "restart": {"policy": "no"}}
    amendment = Amendment.from_json(wish)

    assert Amendment.from_json(amendment.to_json()) == amendment
    assert amendment.to_json() == wish


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({}, "limits"),
        ({"limits": {}, "restart": {}}, "limits"),
        ({"name": "x"}, "name"),
        ({"limits": 7}, "limits"),
        ({"limits": {"cpus": "many"}}, "limits.cpus"),
        ({"limits": {"cpus": 0}}, "limits.cpus"),
        ({"limits": {"memory_bytes": 1}}, "limits.memory_bytes"),
        ({"limits": {"pids": 0}}, "limits.pids"),
        ({"limits": {"pids": True}}, "limits.pids"),
        ({"limits": {"ulimits": []}}, "limits.ulimits"),
        ({"limits": {"nonesuch": 1}}, "limits.nonesuch"),
        ({"restart": "always"}, "restart"),
        ({"restart": {"policy": "maybe"}}, "restart.policy"),
        ({"restart": {"retries": -1}}, "restart.retries"),
        ({"restart": {"name": "always"}}, "restart.name"),
    ],
)
def test_what_is_wrong_is_named(wish: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        Amendment.from_json(wish)

    assert refused.value.field == field


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"limits": {"memory_swap_bytes": 32 * MIB}}, "limits.memory_swap_bytes"),
        ({"limits": {"memory_reservation_bytes": 65 * MIB}}, "limits.memory_reservation_bytes"),
    ],
)
def test_what_contradicts_the_rest_is_refused(wish: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        Amendment.from_json(wish).applied(SPEC)

    assert refused.value.field == field


def test_a_container_that_removes_itself_is_not_restarted() -> None:
    passing = ContainerSpec(image="web", auto_remove=True)

    with pytest.raises(InvalidSpec, match="auto_remove"):
        Amendment.from_json({"restart": {"policy": "always"}}).applied(passing)


def test_all_that_changes_is_told_as_the_record_keeps_it() -> None:
    changed = changed_fields(SPEC)

    assert set(changed) == {"limits", "restart", "restart_retries"}
    assert set(CHANGEABLE) <= set(changed["limits"])
    assert ContainerSpec.from_json({**SPEC.to_json(), **changed}) == SPEC
