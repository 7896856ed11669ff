"""The event spool of the tests' engine, in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from runtime.events import ContainerEvent, SpooledEvent


class FakeEvents:
    """What happened and was not taken over yet."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, ContainerEvent] = {}

    def put(self, event: ContainerEvent) -> None:
        with self._changed:
            name = f"{event.time_ns}-{event.record.id}-{event.record.version}.json"
            self._waiting[name] = event
            self._changed.notify_all()

    def pending(self) -> Iterator[SpooledEvent]:
        """Yield the waiting events, oldest first."""
        with self._changed:
            waiting = sorted(self._waiting.items(), key=lambda one: one[1].time_ns)
        yield from (SpooledEvent(name=name, event=event) for name, event in waiting)

    def discard(self, spooled: SpooledEvent) -> None:
        """Drop an event that was taken over."""
        with self._changed:
            self._waiting.pop(spooled.name, None)

    def wait(self, timeout_seconds: float) -> bool:
        """Sleep until an event waits; say whether there is one."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._waiting), timeout_seconds)
