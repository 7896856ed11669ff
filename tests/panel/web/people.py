"""Types of what the fixtures hand over."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from panel.accounts.actors import Actor
from panel.operations.models import Operation

Browser = Callable[[Actor], Client]
Create = Callable[..., str]
Drain = Callable[[], list[Operation]]
