"""Drop old events."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from panel.eventlog.models import Counter, Event
from panel.eventlog.since import PRUNED

BATCH = 2000


def prune(before: datetime) -> int:
    """Delete events older than `before`, some thousand at most, and say how many.

    The log remembers how far it was pruned, so a reader that is further behind is told.
    """
    old = Event.objects.filter(time__lt=before).order_by("seq").values_list("seq", flat=True)
    numbers = list(old[:BATCH])
    if not numbers:
        return 0
    with transaction.atomic():
        Counter.objects.update_or_create(name=PRUNED, defaults={"value": numbers[-1]})
        deleted, _ = Event.objects.filter(seq__lte=numbers[-1]).delete()
    return deleted
