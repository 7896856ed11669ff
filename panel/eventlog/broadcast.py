"""Tell open pages and sockets that something changed. Notices may be lost, the log is not."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis import Redis, RedisError

from panel import broker

GROUP = "events"
"""The group of the channel layer whose members get `{"type": "events.changed", ...}`."""

logger = logging.getLogger(__name__)


def announce(
    seq: int, *, team: int, operation: str | None = None, kinds: Sequence[str] = ()
) -> None:
    """Send the notice that the log has reached `seq`; never raises for a broker that is away.

    `kinds` are those of the events that it is about.
    """
    notice = {"type": "events.changed", "seq": seq, "team": team, "operation": operation}
    notice |= {"kinds": list(kinds)}
    layer: Any = get_channel_layer()
    if not hasattr(layer, "serialize"):
        async_to_sync(layer.group_send)(GROUP, notice)
        return
    # The PubSub layer would open a connection for each event loop, and a thread of a worker has
    # a new loop for each call. This is the same PUBLISH on a connection that stays.
    try:
        _client().publish(f"{broker.NOTICE_PREFIX}__group__{GROUP}", layer.serialize(notice))
    except (RedisError, OSError) as refused:
        logger.warning("notice %s not sent: %s", seq, refused)


@cache
def _client() -> Redis:
    return broker.client()
