"""A field that nobody judged would be a way around the policy."""

from __future__ import annotations

from panel.policy.judge import FIELDS
from runtime.spec.container import ContainerSpec


def test_every_field_of_a_container_has_a_rule() -> None:
    assert list(FIELDS) == list(ContainerSpec.__dataclass_fields__)
