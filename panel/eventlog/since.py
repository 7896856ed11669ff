"""Read the log."""

from __future__ import annotations

from dataclasses import dataclass

from panel.eventlog.append import EVENTS
from panel.eventlog.models import Counter, Event
from runtime.errors import RuntimeFault

PRUNED = "pruned"
PAGE = 500


class Gone(RuntimeFault):
    """What was asked for is older than the log: fetch the state again and go on from there."""

    code = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of a team's events, oldest first.

    `seq` is the number to go on after: up to it the team has no other event. `more` says that
    there may be some behind it already.
    """

    events: list[Event]
    seq: int
    more: bool


def read_on(seq: int | None, *, team_id: int, limit: int = PAGE) -> Page:
    """Return what follows `seq`, or for None the oldest that is kept. Raises Gone as `since`.

    The number goes on with the whole log, not only with the team's part of it: who reads a quiet
    team is not left behind when the log is pruned.
    """
    top = newest()
    found = _after(0, team_id, limit) if seq is None else since(seq, team_id=team_id, limit=limit)
    more = len(found) == limit
    last = found[-1].seq if found else seq or 0
    return Page(events=found, seq=last if more else max(last, top), more=more)


def since(seq: int, *, team_id: int, limit: int = PAGE) -> list[Event]:
    """Return the team's events after `seq`, oldest first, `limit` at most.

    Raises Gone where some of them are pruned, and for a number that the log has not reached (it
    belongs to another database).
    """
    found = _after(seq, team_id, limit)
    # Only now: what was pruned while the events were read would be missing without a word.
    if seq < oldest_kept() - 1 or seq > newest():
        raise Gone(f"event {seq} is not kept: the log has {oldest_kept()} to {newest()}")
    return found


def newest() -> int:
    """Return the number of the newest event that is committed, 0 for an empty log.

    Every event up to it is visible to whoever reads afterwards.
    """
    return _value(EVENTS)


def oldest_kept() -> int:
    """Return the lowest number that has not been pruned."""
    return _value(PRUNED) + 1


def _after(seq: int, team_id: int, limit: int) -> list[Event]:
    return list(Event.objects.filter(team_id=team_id, seq__gt=seq).order_by("seq")[:limit])


def _value(name: str) -> int:
    return Counter.objects.filter(name=name).values_list("value", flat=True).first() or 0
