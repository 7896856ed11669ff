"""Ring for a worker. The message carries an id and no authority; losing it costs time only."""

from __future__ import annotations

import logging
from functools import partial

from django.db import DatabaseError, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerAway
from redis import RedisError

from panel.celery import app, queue
from panel.operations import kinds
from panel.operations.models import Operation, Status

TASK = "operation.run"

logger = logging.getLogger(__name__)


def ring(operation: str, node: str, pool: str) -> bool:
    """Send the doorbell once and say whether the broker took it. Never raises for the broker."""
    try:
        app.send_task(
            TASK, args=[operation], queue=queue(node, pool), retry=False, ignore_result=True
        )
    except (BrokerAway, RedisError, OSError) as away:
        logger.warning("operation %s not rung: %s", operation, away)
        return False
    return True


def ring_on_commit(operation: Operation) -> None:
    """Ring once this transaction is committed; if the broker is away the reconciler will."""
    transaction.on_commit(partial(ring_noted, operation), robust=True)


def ring_noted(operation: Operation) -> None:
    """Ring and note in the row when, or that it is still due."""
    pool = kinds.pool_of(operation.kind)
    rung = timezone.now() if ring(operation.pk, operation.node, pool) else None
    if rung is None or operation.rung is None:
        try:
            Operation.objects.filter(pk=operation.pk).update(rung=rung)
        except DatabaseError as refused:
            logger.warning("operation %s: doorbell not noted: %s", operation.pk, refused)


def ring_next(target: str) -> None:
    """Ring the operations whose turn has come now that one on `target` ended.

    Those are the queued ones up to the first exclusive one, in order.
    """
    if not target:
        return
    waiting = Operation.objects.filter(target=target, status=Status.QUEUED, klass="change")
    for operation in waiting.order_by("number"):
        ring(operation.pk, operation.node, kinds.pool_of(operation.kind))
        if operation.exclusive:
            return
