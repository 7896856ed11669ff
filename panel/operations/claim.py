"""Become the one that works on an operation. No wall clock decides here."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, F, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from panel.operations import kinds, lease
from panel.operations.lease import Lease
from panel.operations.models import UNFINISHED, Operation, Status
from panel.operations.story import tell


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on `operation` for as long as its row says `fence`."""

    operation: Operation
    fence: int
    takeover: bool


def claim(
    operation: str, *, node: str, busy: Container[str] = (), owner: Lease | None = None
) -> Claim | None:
    """Claim a queued operation whose turn it is, or take over one whose owner is dead.

    `busy` are the operations this very process works on: a running row with the caller's own
    lease that is not among them was dropped by it and is taken over too. Returns None where there
    is nothing to do: finished, somebody's, or not its turn yet. Never waits.
    """
    rows = Operation.objects.select_related("team")
    row = rows.filter(pk=operation, node=node, klass="change").first()
    if row is None or row.handed_over or operation in busy:
        return None
    me = owner or lease.mine()
    if row.status == Status.QUEUED:
        return _claim_queued(row, me)
    if row.status == Status.RUNNING:
        return take_over(row, me)
    return None


def take_over(row: Operation, me: Lease) -> Claim | None:
    """Take a running operation from an owner that is dead; the fence keeps that one out."""
    before = lease.held(row)
    if before is not None and before != me and not before.is_dead:
        return None
    same = Q(pk=row.pk, status=Status.RUNNING, handed_over=False, fence=row.fence)
    return _take(Operation.objects.filter(same), row, me, takeover=True)


def is_its_turn(row: Operation) -> bool:
    """Say whether nothing that has to go first is unfinished."""
    return not _earlier(row).exists()


def _claim_queued(row: Operation, me: Lease) -> Claim | None:
    free = Operation.objects.filter(pk=row.pk, status=Status.QUEUED, fence=row.fence)
    return _take(free.filter(~Exists(_earlier(row))), row, me, takeover=False)


def _earlier(row: Operation) -> QuerySet[Operation]:
    """Return what must be over before `row`: earlier exclusive ones on the same container."""
    kind = kinds.CATALOGUE.get(row.kind)
    if kind is None or kind.overtakes or kind.about is not kinds.About.CONTAINER:
        return Operation.objects.none()
    before = Q(number__lt=row.number)
    if kind.exclusive:
        before |= Q(status=Status.RUNNING)
    return Operation.objects.filter(
        before, target=row.target, exclusive=True, status__in=UNFINISHED
    ).exclude(pk=row.pk)


def _take(free: QuerySet[Operation], row: Operation, me: Lease, *, takeover: bool) -> Claim | None:
    """Update the one row in `free`, which is `row` as it was read with its fence."""
    with transaction.atomic():
        taken = free.update(
            status=Status.RUNNING.value,
            started=Coalesce("started", Now()),
            fence=F("fence") + 1,
            lease_boot=me.boot,
            lease_pid=me.pid,
            lease_start=me.start,
        )
        if not taken:
            return None
        row.status, row.fence = Status.RUNNING.value, row.fence + 1
        if not takeover:
            tell(row)
    return Claim(row, row.fence, takeover)
