"""Drop operations, and containers that are long gone."""

from __future__ import annotations

from datetime import datetime

from panel.inventory.models import Container
from panel.operations.models import UNFINISHED, Operation

BATCH = 1000


def prune(before: datetime) -> int:
    """Delete what ended before `before`, some thousand rows at most, and say how many."""
    over = Operation.objects.filter(finished__lt=before).exclude(status__in=UNFINISHED)
    numbers = list(over.order_by("finished").values_list("pk", flat=True)[:BATCH])
    gone = Container.objects.filter(deleted=True, created__lt=before)
    gone = gone.exclude(finished__gte=before)
    containers = list(gone.values_list("pk", flat=True)[:BATCH])
    if not numbers and not containers:
        return 0
    dropped, _ = Operation.objects.filter(pk__in=numbers).delete()
    forgotten, _ = Container.objects.filter(pk__in=containers).delete()
    return dropped + forgotten
