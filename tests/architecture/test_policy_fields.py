"""A field that nobody judged would be a way around the policy."""

from __future__ import annotations

from panel.policy.table import FIELDS
from runtime.containers.unbuilt import BUILT, TOLD, UNBUILT
from runtime.spec.container import ContainerSpec
from runtime.spec.topic import leaves

ALL = list(leaves(ContainerSpec))


def test_every_field_of_a_container_has_a_rule() -> None:
    assert sorted(FIELDS) == sorted(ALL)


def test_every_field_is_carried_out_told_back_or_refused() -> None:
    assert sorted([*BUILT, *TOLD, *UNBUILT]) == sorted(ALL)
