"""Say every second that the agent is alive."""

from __future__ import annotations

import logging
import threading

from redis import RedisError

from panel import broker

ROLE = "agent"
EVERY_SECONDS = 1.0

logger = logging.getLogger(__name__)


def beat_until(over: threading.Event, node: str) -> None:
    """Beat until `over`; a broker that is away is tried again."""
    redis = broker.client()
    while not over.is_set():
        try:
            broker.beat(redis, node, ROLE)
        except (RedisError, OSError) as away:
            logger.warning("heartbeat not sent: %s", away)
        over.wait(EVERY_SECONDS)
    redis.close()
