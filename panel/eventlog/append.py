"""Append events, as the last thing a transaction does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import connection, transaction

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


def append(happening: Happening, *, seq: int | None = None) -> int | None:
    """Write the event and return its number; None where this (container, version) is there.

    Call it at the end of a transaction: from here to the commit the counter's row is locked, so
    that numbers appear in order to every reader. `seq` is a number this transaction took before.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("append needs a transaction: its number must commit with its cause")
    if seq is None:
        seq = take_number()
    # Not before: whoever wrote it may have held the counter until now. The number is left out then.
    if _is_known(happening):
        return None
    Event.objects.create(
        seq=seq,
        team_id=happening.team_id,
        kind=happening.kind,
        payload=dict(happening.payload),
        container=happening.container,
        version=happening.version,
        operation=happening.operation,
    )
    notice = partial(announce, seq, team=happening.team_id, operation=happening.operation)
    transaction.on_commit(notice, robust=True)
    return seq


def take_number() -> int:
    """Return the next number and keep the counter locked until this transaction ends."""
    table = Counter._meta.db_table
    statement = f"UPDATE {table} SET value = value + 1 WHERE name = %s RETURNING value"  # noqa: S608  # a constant
    with connection.cursor() as cursor:
        cursor.execute(statement, [EVENTS])
        row = cursor.fetchone()
        if row is None:
            Counter.objects.get_or_create(name=EVENTS)
            cursor.execute(statement, [EVENTS])
            row = cursor.fetchone()
    return int(row[0])


def is_logged(container: str, version: int) -> bool:
    """Say whether the log has the event of a container's record of this version."""
    return Event.objects.filter(container=container, version=version).exists()


def _is_known(happening: Happening) -> bool:
    if happening.container is None or happening.version is None:
        return False
    return is_logged(happening.container, happening.version)
