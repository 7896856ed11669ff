"""Whether the platform works: heartbeats and one look at the database, no ping per request."""

from __future__ import annotations

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from redis import RedisError

from panel import broker

ROLES = ("fast", "bulk", "agent")


def healthz(_request: HttpRequest) -> JsonResponse:
    """Answer ok, or 503 naming what is missing."""
    missing = _database() + _heartbeats()
    if missing:
        return JsonResponse({"status": "unavailable", "missing": missing}, status=503)
    return JsonResponse({"status": "ok"})


def _database() -> list[str]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return ["database"]
    return []


def _heartbeats() -> list[str]:
    redis = broker.client()
    try:
        fresh = broker.freshness(redis, settings.NODE_NAME, ROLES)
    except (RedisError, OSError):
        return ["broker"]
    finally:
        redis.close()
    names = {"fast": "worker fast", "bulk": "worker bulk", "agent": "agent"}
    return [names[role] for role in ROLES if not fresh[role]]
