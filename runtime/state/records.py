"""A container's record: the only door to its `state.json`.

Each change raises the version under a lock of its own, held for a moment only (the lock `lock`
beside it is the verbs', held as long as a verb works), and spools one event.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from runtime.errors import NotFound, Unavailable
from runtime.events import ContainerEvent, ContainerRecord
from runtime.state import durable, locks, schema, spool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """A stop under way: the operation that asked, and when SIGKILL is due (CLOCK_BOOTTIME).

    `again` says that it is to start again then.
    """

    operation: str | None
    deadline_ns: int
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A record and what the engine remembers beside it.

    `boot` is the boot that the run belongs to, `run` counts starts, `pid_start` tells the pid from
    a later process with that number. `held` means that somebody stopped it, so that unless-stopped
    leaves it. `amended` are fields of the spec that were changed since it was created,
    `updated` is the last operation that changed limits or restart policy.
    """

    record: ContainerRecord
    boot: str
    run: int = 0
    pid_start: int | None = None
    held: bool = False
    stopping: Stopping | None = None
    amended: Mapping[str, Any] = field(default_factory=dict)
    updated: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain data without the spec as it was created, which has a file of its own."""
        record = self.record.to_json()
        del record["spec"]
        stopping = self.stopping
        return {
            "record": record,
            "boot": self.boot,
            "run": self.run,
            "pid_start": self.pid_start,
            "held": self.held,
            "stopping": stopping and [stopping.operation, stopping.deadline_ns, stopping.again],
            "amended": dict(self.amended),
            "updated": self.updated,
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any], spec: Mapping[str, Any]) -> State:
        """Rebuild a state from `to_json` output and the spec."""
        stopping = plain["stopping"]
        amended = plain.get("amended", {})
        return cls(
            record=ContainerRecord.from_json({**plain["record"], "spec": {**spec, **amended}}),
            boot=plain["boot"],
            run=plain["run"],
            pid_start=plain["pid_start"],
            held=plain["held"],
            stopping=stopping and _stopping(*stopping),
            amended=amended,
            updated=plain.get("updated"),
        )


def _stopping(operation: str | None, deadline_ns: int, again: bool = False) -> Stopping:
    return Stopping(operation=operation, deadline_ns=deadline_ns, again=again)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a record changes: the event's action, and what a handed-over operation ended with."""

    action: str
    operation: str | None = None
    result: Mapping[str, Any] | None = None


class Ledger:
    """The record of the container that lives in `directory`; its events go to `spool_directory`."""

    def __init__(self, directory: str, spool_directory: str) -> None:
        self.directory = directory
        self._spool = spool_directory

    def load(self) -> State:
        """Return the newest state.

        Raises NotFound where there is no such container, Unavailable for a record that is damaged,
        Conflict for one of a newer Moorage.
        """
        try:
            spec = _read(f"{self.directory}/spec.json")
            return State.from_json(_read(f"{self.directory}/state.json"), spec)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound("container", self.directory.rsplit("/", 1)[-1]) from None
        except (LookupError, TypeError, ValueError) as wrong:
            what = f"{type(wrong).__name__} {wrong}"
            raise Unavailable(f"{self.directory}/state.json is damaged: {what}") from None

    def load_told(self, *, wait: bool = True) -> State:
        """Return the newest state, once its event is spooled too.

        Raises Unavailable where somebody is just changing it, unless that may be waited for.
        """
        with locks.hold(f"{self.directory}/state.lock", wait=wait):
            return self.load()

    def change(self, cause: Cause, decide: Callable[[State], State]) -> ContainerEvent:
        """Replace the state by what `decide` makes of it, one version up, and spool the event."""
        with self._locked():
            new = raised(decide(self.load()))
            event = event_of(cause, new.record)
            prepared = spool.prepare(self._spool, event)
            try:
                self._store(new)
            except OSError:
                spool.withdraw(self._spool, prepared)
                raise
            spool.publish(self._spool, prepared)
        return event

    def finish(
        self, cause: Cause, decide: Callable[[State], State], elsewhere: str
    ) -> ContainerEvent:
        """Change the record for the last time: the directory goes to `elsewhere` (rename(2)).

        Whoever waits for the record meanwhile is told that there is no such container.
        """
        with self._locked():
            event = event_of(cause, raised(decide(self.load())).record)
            prepared = spool.prepare(self._spool, event)
            try:
                os.rename(self.directory, elsewhere)
            except OSError:
                spool.withdraw(self._spool, prepared)
                raise
            try:
                durable.sync_directory(os.path.dirname(self.directory))
            finally:
                spool.publish(self._spool, prepared)
        return event

    def note(self, decide: Callable[[State], State]) -> State:
        """Replace what is remembered beside the record; no version, no event."""
        with self._locked():
            new = decide(self.load())
            self._store(new)
        return new

    def _locked(self) -> AbstractContextManager[int]:
        return locks.hold(f"{self.directory}/state.lock")

    def _store(self, state: State) -> None:
        durable.replace(f"{self.directory}/state.json", schema.encode(state.to_json()))


def raised(state: State) -> State:
    """Return the state with its record one version up."""
    return replace(state, record=replace(state.record, version=state.record.version + 1))


def event_of(cause: Cause, record: ContainerRecord) -> ContainerEvent:
    """Return the event that tells of a record's change just now."""
    return ContainerEvent(
        action=cause.action,
        time_ns=time.time_ns(),
        record=record,
        operation=cause.operation,
        result=cause.result,
    )


def amended_in(directory: str) -> Mapping[str, Any]:
    """Return the amended fields in the record of `directory`, and read nothing else of it.

    Raises OSError, Unavailable for a record that is damaged, Conflict for one of a newer Moorage.
    """
    return dict(_read(f"{directory}/state.json").get("amended", {}))


def _read(path: str) -> dict[str, Any]:
    return schema.decode(durable.read(path), path)
