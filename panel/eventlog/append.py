"""Append events, as the last thing a transaction does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from panel.eventlog.broadcast import announce
from panel.eventlog.models import Counter, Event

EVENTS = "events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An event before it has its number. (`container`, `version`) is unique where both are set."""

    team_id: int
    kind: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    container: str | None = None
    version: int | None = None
    operation: str | None = None


_gathered: ContextVar[list[Happening] | None] = ContextVar("gathered", default=None)


@contextmanager
def together() -> Iterator[None]:
    """Write what is appended within as one, at the end: one turn of the counter, one notice.

    For a transaction whose last thing this is. An exception writes nothing.
    """
    gathered: list[Happening] = []
    notices: list[Callable[[], None]] = []
    # Somebody may wait for the news, so they go out before whatever else is done on commit.
    transaction.on_commit(lambda: [tell() for tell in notices], robust=True)
    before = _gathered.set(gathered)
    try:
        yield
    finally:
        _gathered.reset(before)
    if gathered:
        notices += _write(gathered, take_number(len(gathered)))


def append(happening: Happening, *, seq: int | None = None) -> None:
    """Write the event, unless this (container, version) is there.

    Call it at the end of a transaction: from here to the commit the counter's row is locked, so
    that numbers appear in order to every reader. `seq` is a number this transaction took before.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("append needs a transaction: its number must commit with its cause")
    gathered = _gathered.get()
    if seq is None and gathered is not None:
        gathered.append(happening)
    else:
        for notice in _write([happening], take_number() if seq is None else seq):
            transaction.on_commit(notice, robust=True)


def _write(happenings: Sequence[Happening], last: int) -> list[Callable[[], None]]:
    """Insert the events with the numbers up to `last`; return what tells of them."""
    # Not before the number: whoever wrote it may have held the counter until now. Numbers are left
    # out then.
    known = _known(happenings)
    rows: list[Event] = []
    notices: dict[tuple[int, str | None], tuple[int, list[str]]] = {}
    for seq, happening in enumerate(happenings, last - len(happenings) + 1):
        version = (happening.container, happening.version)
        if version in known:
            continue
        if None not in version:
            known.add(version)
        rows.append(_row(seq, happening))
        about = (happening.team_id, happening.operation)
        _, kinds = notices.get(about, (0, []))
        notices[about] = (seq, [*kinds, happening.kind])
    Event.objects.bulk_create(rows)
    return [
        partial(announce, seq, team=team, operation=operation, kinds=kinds)
        for (team, operation), (seq, kinds) in notices.items()
    ]


def _row(seq: int, happening: Happening) -> Event:
    return Event(
        seq=seq,
        team_id=happening.team_id,
        kind=happening.kind,
        payload=dict(happening.payload),
        container=happening.container,
        version=happening.version,
        operation=happening.operation,
    )


def take_number(count: int = 1) -> int:
    """Take `count` numbers, return the last, and lock the counter until this transaction ends."""
    table = Counter._meta.db_table
    statement = f"UPDATE {table} SET value = value + %s WHERE name = %s RETURNING value"  # noqa: S608  # a constant
    with connection.cursor() as cursor:
        cursor.execute(statement, [count, EVENTS])
        row = cursor.fetchone()
        if row is None:
            Counter.objects.get_or_create(name=EVENTS)
            cursor.execute(statement, [count, EVENTS])
            row = cursor.fetchone()
    return int(row[0])


def is_logged(container: str, version: int) -> bool:
    """Say whether the log has the event of a container's record of this version."""
    return Event.objects.filter(container=container, version=version).exists()


def _known(happenings: Sequence[Happening]) -> set[tuple[str | None, int | None]]:
    """Return which (container, version) of these the log has."""
    asked = Q(pk__in=())
    for one in happenings:
        if one.container is not None and one.version is not None:
            asked |= Q(container=one.container, version=one.version)
    return set(Event.objects.filter(asked).order_by().values_list("container", "version"))
