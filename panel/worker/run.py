"""Do one operation: claim it, let its handler make the engine call, record what it came to."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from django.db import DatabaseError, InterfaceError, OperationalError, transaction

from panel.eventlog.append import together
from panel.operations import finish
from panel.operations.claim import Claim, claim
from panel.operations.patience import patiently
from panel.operations.problem import unexpected
from panel.policy.rules import Ceiling
from panel.worker.door import Engine
from panel.worker.handlers import HANDLERS
from panel.worker.handlers.processes import Recorded
from panel.worker.job import Answer, HandedOver, Job
from panel.worker.sink import OperationSink
from runtime.errors import RuntimeFault

Ending = Callable[[str, int], bool]
"""Given an operation and its fence, records the end and says whether it was the caller's to."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What a worker process works with. `busy` are the operations its threads are at."""

    node: str
    engine: Engine
    uploads: str
    ceiling: Callable[[], Ceiling]
    busy: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


def run(operation: str, workshop: Workshop) -> bool:
    """Do the operation if it is this worker's to do, and say whether it was.

    A doorbell for what is finished, somebody's, or not yet its turn does nothing.
    """
    with workshop.lock:
        if operation in workshop.busy:
            return False
        workshop.busy.add(operation)
    try:
        mine = patiently(partial(claim, operation, node=workshop.node))
        if mine is None:
            return False
        _do(mine, workshop)
    finally:
        with workshop.lock:
            workshop.busy.discard(operation)
    return True


def _do(mine: Claim, workshop: Workshop) -> None:
    sink = OperationSink(mine)
    job = Job(
        claim=mine,
        engine=workshop.engine,
        sink=sink,
        uploads=workshop.uploads,
        ceiling=workshop.ceiling,
    )
    end = partial(_end, mine, sink)
    try:
        answer = HANDLERS[mine.operation.kind](job)
    except Recorded as recorded:
        end(partial(finish.fail, error=recorded.fault))
    except RuntimeFault as fault:
        end(partial(finish.fail, error=fault))
    except Exception as error:  # whatever it was, the row must not stay running for ever
        logger.exception("operation %s (%s)", mine.operation.pk, mine.operation.kind)
        end(partial(finish.fail, error=unexpected(error)))
    else:
        end(_ending(answer))
    for path in job.leftovers:
        with suppress(FileNotFoundError):
            os.unlink(path)


def _ending(answer: Answer) -> Ending:
    if isinstance(answer, HandedOver):
        return partial(finish.hand_over, version=answer.version)
    return partial(finish.succeed, result=answer.result)


def _end(mine: Claim, sink: OperationSink, ending: Ending) -> None:
    """Record in one transaction how it ended and what the engine told last."""

    def record() -> None:
        with transaction.atomic(), together():
            sink.settle_held()
            ending(mine.operation.pk, mine.fence)

    try:
        patiently(record)
    except (OperationalError, InterfaceError):
        raise
    except DatabaseError as refused:
        logger.warning("events of %s left to the relay: %s", mine.operation.target, refused)
        sink.held.clear()
        patiently(record)
