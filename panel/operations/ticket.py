"""Redeem the one-time ticket of a stream; the agent does, and ends the stream's operation."""

from __future__ import annotations

from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from panel.accounts.actors import digest
from panel.operations import lease
from panel.operations.models import Operation, Status
from runtime.errors import NotFound


def redeem_ticket(secret: str, *, node: str) -> Operation:
    """Use a ticket up and return its operation, running and leased to the calling process.

    Raises NotFound for a ticket that is wrong, used, late, or for another node.
    """
    me = lease.mine()
    mine = Operation.objects.filter(ticket_sha256=digest(secret), klass="stream", node=node)
    redeemed = mine.filter(status=Status.QUEUED, ticket_expires__gt=timezone.now()).update(
        status=Status.RUNNING.value,
        started=Now(),
        fence=F("fence") + 1,
        lease_boot=me.boot,
        lease_pid=me.pid,
        lease_start=me.start,
    )
    if not redeemed:
        raise NotFound("ticket", secret[:6])
    return mine.select_related("team").get()
