"""Say every second that this worker is alive."""

from __future__ import annotations

import logging
import threading

from celery.signals import worker_ready, worker_shutting_down
from django.conf import settings
from redis import RedisError

from panel import broker

EVERY_SECONDS = 1.0

logger = logging.getLogger(__name__)
_over = threading.Event()


@worker_ready.connect(weak=False)
def begin(sender: object = None, **_: object) -> None:
    """Beat for the pool that the worker's queues name, from a thread of its own."""
    consumed = getattr(getattr(sender, "app", None), "amqp", None)
    names = list(consumed.queues.consume_from) if consumed is not None else []
    for pool in sorted({name.rpartition(".")[2] for name in names}):
        threading.Thread(
            target=beat_until, args=(_over, pool), name=f"heartbeat-{pool}", daemon=True
        ).start()


@worker_shutting_down.connect(weak=False)
def stop(**_: object) -> None:
    """Stop beating: a worker that takes no more is not fresh."""
    _over.set()


def beat_until(over: threading.Event, pool: str) -> None:
    """Beat for `pool` every second until `over`; a broker that is away is tried again."""
    redis = broker.client()
    while not over.is_set():
        try:
            broker.beat(redis, settings.NODE_NAME, pool)
        except (RedisError, OSError) as away:
            logger.warning("heartbeat of %s not sent: %s", pool, away)
        over.wait(EVERY_SECONDS)
    redis.close()
