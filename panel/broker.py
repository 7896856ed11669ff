"""The one factory of Redis clients, their addresses, and the heartbeats kept there.

redis-py gives up on an idle blocking read after 5 seconds unless told otherwise, so every client
of the platform is made here with explicit timeouts.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from redis import Redis

PREFIX = "moorage:"
NOTICE_PREFIX = f"{PREFIX}notice"
HEARTBEAT_LIFE_MILLISECONDS = 5000
COMMAND_TIMEOUT_SECONDS = 2.0


def celery_url(url: str) -> str:
    """Return `url` as Celery spells it: redis+socket:// for unix://."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    number = parse_qs(parts.query).get("db", ["0"])[0]
    secret = f":{parts.password}@" if parts.password else ""
    return f"redis+socket://{secret}{parts.path}?virtual_host={number}"


def channel_layer(url: str) -> dict[str, Any]:
    """Return the settings of the channel layer: PubSub, for "something changed" notices only.

    `memory://` is the layer inside one process.
    """
    if url.startswith("memory:"):
        return {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    return {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [
                {
                    "address": url,
                    "socket_timeout": None,
                    "socket_connect_timeout": COMMAND_TIMEOUT_SECONDS,
                    "health_check_interval": 10,
                }
            ],
            "prefix": NOTICE_PREFIX,
        },
    }


def client() -> Redis:
    """Return a client of the configured broker for short commands; one per process is enough."""
    from django.conf import settings
    from redis import Redis

    return Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=COMMAND_TIMEOUT_SECONDS,
        socket_connect_timeout=COMMAND_TIMEOUT_SECONDS,
        health_check_interval=10,
    )


def beat(redis: Redis, node: str, role: str) -> None:
    """Say that `role` (fast, bulk, agent) of `node` is alive for the next 5 seconds."""
    redis.set(heartbeat_key(node, role), str(time.time_ns()), px=HEARTBEAT_LIFE_MILLISECONDS)


def freshness(redis: Redis, node: str, roles: tuple[str, ...]) -> dict[str, bool]:
    """Say for each of `roles` whether it beat within 5 seconds. Raises redis.RedisError."""
    beats = redis.mget([heartbeat_key(node, role) for role in roles])
    return {role: value is not None for role, value in zip(roles, beats, strict=True)}


def heartbeat_key(node: str, role: str) -> str:
    """Return the key that holds the heartbeat of `role` on `node`."""
    return f"{PREFIX}heartbeat:{node}:{role}"
