"""What of the platform runs, told without asking any of its processes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count
from redis import RedisError

from panel import broker
from panel.host.lock import read_record
from panel.host.roots import Roots
from panel.inventory.models import Container
from panel.operations.models import UNFINISHED, Operation

ROLES = ("fast", "bulk", "agent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of one instance. `processes` are pids by name, `fresh` the heartbeats by role."""

    served: bool
    url: str
    processes: dict[str, int]
    fresh: dict[str, bool]
    broker: str
    containers: dict[str, int]
    unfinished_operations: int

    @property
    def healthy(self) -> bool:
        """Tell whether everything that has to run does."""
        return bool(self.fresh) and all(self.fresh.values())

    def to_json(self) -> dict[str, Any]:
        """Return the status as plain values."""
        return {**asdict(self), "healthy": self.healthy}


def examine(roots: Roots) -> Status:
    """Return how the platform of `roots` is. Raises django.db.DatabaseError without a database."""
    record = read_record(roots)
    served = record is not None and record.is_alive()
    counted = Container.objects.filter(deleted=False).order_by()
    states = counted.values_list("state").annotate(number=Count("pk"))
    fresh, reason = _heartbeats()
    return Status(
        served=served,
        url=record.url if record else "",
        processes={name: one.pid for name, one in record.living().items()} if record else {},
        fresh=fresh,
        broker=reason,
        containers=dict(states),
        unfinished_operations=Operation.objects.filter(status__in=UNFINISHED).count(),
    )


def _heartbeats() -> tuple[dict[str, bool], str]:
    redis = broker.client()
    try:
        return broker.freshness(redis, settings.NODE_NAME, ROLES), "answers"
    except (RedisError, OSError) as away:
        return {}, f"does not answer: {away}"
    finally:
        redis.close()
