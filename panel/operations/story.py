"""What the event log says about operations."""

from __future__ import annotations

from panel.eventlog.append import Happening, append
from panel.operations.models import Operation


def tell(operation: Operation, *, seq: int | None = None) -> None:
    """Append the event that the operation has its present status; last in a transaction.

    Streams are not told: their rows are the record, and pages would hear of nothing else.
    """
    if operation.klass != "change":
        return
    append(
        Happening(
            team_id=operation.team_id,
            kind=f"operation.{operation.status}",
            operation=operation.pk,
            payload={
                "id": operation.pk,
                "kind": operation.kind,
                "status": str(operation.status),
                "target": operation.target,
                "error": operation.error,
            },
        ),
        seq=seq,
    )
