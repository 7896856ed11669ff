"""What the engine reports to while it works on an operation."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.db import DatabaseError, transaction

from panel.operations import progress as rows
from panel.operations.claim import Claim
from panel.operations.settle import BEGINNINGS, settle_from_events
from runtime.events import ContainerEvent, Progress

PAUSE_SECONDS = 1 / rows.WRITES_PER_SECOND

logger = logging.getLogger(__name__)


class OperationSink:
    """Writes progress to the row, events to the picture, and asks the row whether to stop.

    Nothing here is needed for the truth: progress may be dropped, events wait in the engine's
    spool for the relay too. So a busy database never fails an engine call. Events by which nothing
    ends are `held`, to be written in one transaction with what comes after them.
    """

    def __init__(self, claim: Claim, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._operation = claim.operation
        self._fence = claim.fence
        self._clock = clock
        self._written = float("-inf")
        self._asked = float("-inf")
        self._cancelled = claim.operation.cancel_requested
        self.held: list[ContainerEvent] = []

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
        self.held.append(event)
        if event.action not in BEGINNINGS:
            self.settle()

    def settle(self) -> None:
        """Write what is held, or leave it to the relay."""
        try:
            with transaction.atomic():
                self.settle_held()
        except DatabaseError as busy:
            logger.warning("events of %s left to the relay: %s", self._operation.target, busy)
        self.held.clear()

    def settle_held(self) -> None:
        """Write what is held as a part of the caller's transaction.

        Raises DatabaseError: then nothing of the transaction stands.
        """
        if self.held:
            settle_from_events(self.held, node=self._operation.node)

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
