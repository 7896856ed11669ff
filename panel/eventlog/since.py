"""Read the log."""

from __future__ import annotations

from panel.eventlog.append import EVENTS
from panel.eventlog.models import Counter, Event
from runtime.errors import RuntimeFault

PRUNED = "pruned"
PAGE = 500


class Gone(RuntimeFault):
    """What was asked for is older than the log: fetch the state again and go on from there."""

    code = "gone"


def since(seq: int, *, team_id: int, limit: int = PAGE) -> list[Event]:
    """Return the team's events after `seq`, oldest first, `limit` at most.

    Raises Gone where some of them are pruned, and for a number that the log has not reached (it
    belongs to another database).
    """
    if seq < oldest_kept() - 1 or seq > newest():
        raise Gone(f"event {seq} is not kept: the log has {oldest_kept()} to {newest()}")
    return list(Event.objects.filter(team_id=team_id, seq__gt=seq).order_by("seq")[:limit])


def newest() -> int:
    """Return the number of the newest event that is committed, 0 for an empty log.

    Every event up to it is visible to whoever reads afterwards.
    """
    return _value(EVENTS)


def oldest_kept() -> int:
    """Return the lowest number that has not been pruned."""
    return _value(PRUNED) + 1


def _value(name: str) -> int:
    return Counter.objects.filter(name=name).values_list("value", flat=True).first() or 0
