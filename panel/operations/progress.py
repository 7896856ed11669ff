"""How far an operation is, in its row. Callers keep to four writes a second."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from panel.operations.models import Operation, Status

WRITES_PER_SECOND = 4


def report(operation: str, fence: int, progress: Mapping[str, Any]) -> bool:
    """Write `progress` and say whether the operation is still the caller's."""
    return bool(
        Operation.objects.filter(pk=operation, fence=fence, status=Status.RUNNING).update(
            progress=dict(progress)
        )
    )


def is_cancelled(operation: str, fence: int) -> bool:
    """Say whether the caller should stop: asked to, or the operation is not its own any more."""
    return not Operation.objects.filter(
        pk=operation, fence=fence, status=Status.RUNNING, cancel_requested=False
    ).exists()
