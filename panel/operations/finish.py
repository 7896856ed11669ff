"""End an operation. Only the holder of the fence can; everybody else changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from panel.inventory.project import give_place_up
from panel.operations import kinds
from panel.operations.doorbell import ring_next
from panel.operations.models import Operation, Status
from panel.operations.problem import problem
from panel.operations.story import tell
from runtime.errors import Cancelled, RuntimeFault


def succeed(operation: str, fence: int, result: Mapping[str, Any] | None = None) -> bool:
    """Record success with `result` and say whether it was the caller's to record."""
    return end(_mine(operation, fence), Status.SUCCEEDED, result=result)


def fail(operation: str, fence: int, error: RuntimeFault | Mapping[str, Any]) -> bool:
    """Record failure, or cancellation for `Cancelled`; say whether it was the caller's."""
    if isinstance(error, Cancelled):
        return cancelled(operation, fence)
    told = problem(error) if isinstance(error, RuntimeFault) else dict(error)
    return end(_mine(operation, fence), Status.FAILED, error=told)


def cancelled(operation: str, fence: int) -> bool:
    """Record that the operation stopped as it was asked to; say whether it was the caller's."""
    return end(_mine(operation, fence), Status.CANCELLED)


def hand_over(operation: str, fence: int, *, version: int) -> bool:
    """Leave the rest to the container's shim: the operation ends by an event after `version`.

    False where it has ended already: the event may be faster.
    """
    return bool(
        _mine(operation, fence).update(
            handed_over=True,
            handed_version=version,
            lease_boot="",
            lease_pid=None,
            lease_start=None,
        )
    )


def end(
    rows: QuerySet[Operation],
    status: Status,
    *,
    result: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
) -> bool:
    """Give the one row in `rows` its final status, tell it, and ring who waited for it."""
    with transaction.atomic():
        row = rows.only("kind", "klass", "team", "target", "cancel_requested").first()
        if row is None:
            return False
        ended = rows.filter(pk=row.pk).update(
            status=status.value,
            result=dict(result) if result is not None else None,
            error=dict(error) if error is not None else None,
            finished=Now(),
            lease_boot="",
            lease_pid=None,
            lease_start=None,
            cancel_requested=row.cancel_requested,
        )
        if not ended:
            return False
        row.status, row.error = status.value, dict(error) if error is not None else None
        if row.kind == kinds.CONTAINER_CREATE.code and status is not Status.SUCCEEDED:
            give_place_up(row.target)
        tell(row)
        transaction.on_commit(partial(ring_next, row.target), robust=True)
    return True


def _mine(operation: str, fence: int) -> QuerySet[Operation]:
    return Operation.objects.filter(pk=operation, fence=fence, status=Status.RUNNING)
