"""Ask an operation to stop."""

from __future__ import annotations

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action, require
from panel.operations import kinds
from panel.operations.finish import end
from panel.operations.models import Operation, Status
from runtime.errors import Conflict, NotFound


def request(operation: Operation, *, actor: Actor) -> Operation:
    """Cancel a queued operation at once, ask a running one; return the row as it is then.

    Raises NotFound for a foreign one, NotAllowed, and Conflict where it is over or its kind
    cannot be stopped once it runs.
    """
    if operation.team_id != actor.team_id:
        raise NotFound("operation", operation.pk)
    require(actor, Action.OPERATION_CANCEL, operation)
    queued = Operation.objects.filter(pk=operation.pk, status=Status.QUEUED)
    if not end(queued, Status.CANCELLED):
        _ask(operation)
    operation.refresh_from_db()
    return operation


def _ask(operation: Operation) -> None:
    if not kinds.find(operation.kind).cancellable:
        raise Conflict(f"{operation.kind} cannot be cancelled once it runs")
    running = Operation.objects.filter(pk=operation.pk, status=Status.RUNNING)
    if not running.update(cancel_requested=True):
        raise Conflict(f"operation {operation.pk} is over")
