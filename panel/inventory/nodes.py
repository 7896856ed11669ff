"""The picture of the nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from panel.inventory.models import Node


def project_node(name: str, *, instance: str, facts: Mapping[str, Any]) -> None:
    """Note that the node `name` is there, which engine it runs and what it offers."""
    Node.objects.update_or_create(
        name=name,
        defaults={"instance": instance, "facts": dict(facts), "seen": timezone.now()},
    )
