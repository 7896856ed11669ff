"""What the engine reports to while it works on an operation."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.db import DatabaseError

from panel.operations import progress as rows
from panel.operations.claim import Claim
from panel.operations.settle import settle_from_event
from runtime.events import ContainerEvent, Progress

PAUSE_SECONDS = 1 / rows.WRITES_PER_SECOND

logger = logging.getLogger(__name__)


class OperationSink:
    """Writes progress to the row, events to the picture, and asks the row whether to stop.

    Nothing here is needed for the truth: progress may be dropped, events wait in the engine's
    spool for the relay too. So a busy database never fails an engine call.
    """

    def __init__(self, claim: Claim, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._operation = claim.operation
        self._fence = claim.fence
        self._clock = clock
        self._written = float("-inf")
        self._asked = float("-inf")
        self._cancelled = False

    def progress(self, progress: Progress) -> None:
        """Write it, four times a second at most."""
        now = self._clock()
        if now - self._written < PAUSE_SECONDS:
            return
        self._written = now
        try:
            rows.report(self._operation.pk, self._fence, progress.to_json())
        except DatabaseError as busy:
            logger.warning("progress of %s not written: %s", self._operation.pk, busy)

    def event(self, event: ContainerEvent) -> None:
        """Bring picture and log up to it; the relay will, should this fail."""
        try:
            settle_from_event(event, node=self._operation.node)
        except DatabaseError as busy:
            logger.warning("event of %s left to the relay: %s", event.record.id, busy)

    def cancelled(self) -> bool:
        """Ask the row, four times a second at most."""
        now = self._clock()
        if self._cancelled or now - self._asked < PAUSE_SECONDS:
            return self._cancelled
        self._asked = now
        try:
            self._cancelled = rows.is_cancelled(self._operation.pk, self._fence)
        except DatabaseError as busy:
            logger.warning("cancel of %s not looked up: %s", self._operation.pk, busy)
        return self._cancelled
