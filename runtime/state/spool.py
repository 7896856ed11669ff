"""Events on disk, one file each, until a relay takes them over; their names sort by time.

An event is prepared under a hidden name, then the record it tells of changes, then the event is
published. A crash in between leaves a hidden file, and the record says whether it is true.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from runtime.errors import Unavailable
from runtime.events import ContainerEvent, SpooledEvent
from runtime.state import durable, schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An event that was not published: the container and the version it tells of."""

    name: str
    container: str
    version: int


def prepare(directory: str, event: ContainerEvent) -> Prepared:
    """Write an event where no relay sees it yet."""
    record = event.record
    name = f".{event.time_ns:020d}-{record.id}-{record.version}.json"
    prepared = Prepared(name=name, container=record.id, version=record.version)
    try:
        durable.write_new(f"{directory}/{name}", schema.encode(event.to_json()), sync=False)
    except OSError:
        withdraw(directory, prepared)
        raise
    return prepared


def publish(directory: str, prepared: Prepared) -> None:
    """Show a prepared event to the relay, unless somebody who recovered was faster.

    What it tells of has happened: where it cannot be shown, recovery shows it.
    """
    visible = prepared.name.removeprefix(".")
    with suppress(OSError):
        os.rename(f"{directory}/{prepared.name}", f"{directory}/{visible}")


def withdraw(directory: str, prepared: Prepared) -> None:
    """Drop a prepared event: what it tells of did not happen."""
    _unlink(f"{directory}/{prepared.name}")


def unpublished(directory: str) -> list[Prepared]:
    """Return what a crash left prepared, oldest first."""
    hidden = sorted(name for name in os.listdir(directory) if name.startswith("."))
    return [prepared for name in hidden if (prepared := _parse(name))]


def pending(directory: str) -> Iterator[SpooledEvent]:
    """Yield the published events, oldest first. One torn by a crash of the machine is dropped."""
    for name in sorted(os.listdir(directory)):
        if name.startswith(".") or not name.endswith(".json"):
            continue
        path = f"{directory}/{name}"
        try:
            yield SpooledEvent(
                name=name, event=ContainerEvent.from_json(schema.decode(durable.read(path), path))
            )
        except FileNotFoundError:
            continue
        except Unavailable:
            _unlink(path)


def discard(directory: str, spooled: SpooledEvent) -> None:
    """Drop an event that was taken over; again is harmless."""
    _unlink(f"{directory}/{os.path.basename(spooled.name)}")


def wait(directory: str, timeout_seconds: float) -> bool:
    """Sleep until an event is there, `timeout_seconds` at most; say whether one is."""
    from runtime.state import watches  # the shim writes events and never waits for them

    deadline = time.monotonic() + timeout_seconds
    with watches.watch(directory, watches.MOVED_TO) as watched:
        while not _any(directory):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            watched.wait(left)
    return True


def _any(directory: str) -> bool:
    with os.scandir(directory) as entries:
        return any(not entry.name.startswith(".") for entry in entries)


def _parse(name: str) -> Prepared | None:
    parts = name.removeprefix(".").removesuffix(".json").split("-")
    if len(parts) != 3 or not parts[2].isdecimal():
        return None
    return Prepared(name=name, container=parts[1], version=int(parts[2]))


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
