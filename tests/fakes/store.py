"""What the engine in memory holds, and what tests make happen to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from runtime.errors import Interrupted, InvalidSpec, NotFound, RuntimeFault
from runtime.events import (
    ContainerEvent,
    ContainerRecord,
    HealthRecord,
    LogFrame,
    NullSink,
    OnceRecord,
    ProbeResult,
    Sink,
)
from runtime.shim import health, protocol
from runtime.shim.conduct import Check
from runtime.shim.marks import answer_again
from runtime.spec.container import ContainerSpec
from tests.fakes.events import FakeEvents
from tests.fakes.images import FakeImages
from tests.fakes.programs import Outcome, play
from tests.fakes.sessions import FakeSession

_NULL = NullSink()
Frames = list[LogFrame]
ALIVE = ("running", "paused")
KILLED_INSIDE = 137


@dataclass
class Held:
    """A container, what it printed, and its marks of once operations."""

    record: ContainerRecord
    spec: ContainerSpec
    check: Check | None = None
    frames: list[LogFrame] = field(default_factory=list)
    once: dict[str, OnceRecord] = field(default_factory=dict)
    sessions: dict[str, FakeSession] = field(default_factory=dict)


class Store:
    """The containers, their output and marks.

    `before(verb, container)` is called ahead of each effect and may raise or block. With
    `hold_ends` stops and execs stay under way until `end` or `end_exec`.
    """

    def __init__(self, images: FakeImages, events: FakeEvents) -> None:
        self._images = images
        self._events = events
        self._changed = threading.Condition(threading.RLock())
        self._all: dict[str, Held] = {}
        self.effects: list[tuple[str, str]] = []
        self.looks: list[tuple[str, str]] = []
        self.before: Callable[[str, str], None] = lambda verb, container: None
        self.hold_ends = False

    def end(self, container: str, exit_code: int, *, operation: str | None = None) -> None:
        """Let the container's process end."""
        with self._changed:
            self._exit(container, exit_code, operation=operation)

    def end_exec(self, container: str, operation: str, outcome: Outcome) -> None:
        """Let an exec end."""
        with self._changed:
            found = self._find(container)
            result = {
                "exit_code": outcome.exit_code or 0,
                "stdout": outcome.output,
                "stderr": "",
                "stdout_base64": False,
                "stderr_base64": False,
                "truncated": False,
            }
            self._mark(found, operation, "done", result)
            self._change(container, "exec-finished", operation=operation, result=result)

    def end_session(self, container: str, operation: str, exit_code: int) -> None:
        """Take in that a session has ended."""
        with self._changed:
            found = self._find(container)
            result = {"exit_code": exit_code}
            self._mark(found, operation, "done", result)
            self._change(container, "exec-finished", operation=operation, result=result)

    def end_restart(
        self, container: str, operation: str, *, fault: Mapping[str, Any] | None = None
    ) -> None:
        """Let a restart end: the container runs again, or was refused with `fault`."""
        with self._changed:
            found = self._find(container)
            if fault is not None:
                found.once[operation] = OnceRecord(operation=operation, state="done", fault=fault)
                self._change(
                    container,
                    "exited",
                    operation=operation,
                    result={"fault": fault},
                    restarting=False,
                    pid=None,
                )
                return
            self._mark(found, operation, "done", {})
            self._change(
                container,
                "started",
                operation=operation,
                state="running",
                restarting=False,
                started_ns=time.time_ns(),
                exit_code=None,
                pid=4243,
                health=self._first_health(found),
            )
            self._check(found)

    def interrupt(self, container: str, operation: str) -> None:
        """Let a once operation have been cut short, and be told as a shim's successor does."""
        with self._changed:
            self._mark(self._find(container), operation, "interrupted")
            self._change(container, "exec-finished", operation=operation, result=None)

    def begin(self, container: str, operation: str) -> None:
        """Let a once operation have been begun by somebody who is dead now."""
        with self._changed:
            self._mark(self._find(container), operation, "begun")

    def lose(self, container: str) -> None:
        """Let the container vanish without a word."""
        with self._changed:
            del self._all[container]

    def probe(self, container: str, exit_code: int | None, output: str = "") -> None:
        """Let the container's health check have come to a result; None is one that was cut off."""
        with self._changed:
            found = self._find(container)
            before, now = found.record.health, time.time_ns()
            assert found.check is not None
            assert before is not None
            result = ProbeResult(
                started_ns=now,
                finished_ns=now,
                exit_code=exit_code,
                output=output if exit_code is not None else "",
                error=output if exit_code is None else "",
            )
            age = (now - (found.record.started_ns or now)) / 1e9
            after = health.after(found.check, before, result, age_seconds=age)
            if after.status != before.status:
                self._change(container, "health", health=after)
            else:
                found.record = replace(found.record, health=after)

    def print(self, container: str, data: bytes, stream: str = "stdout") -> None:
        """Let the container write."""
        with self._changed:
            found = self._find(container)
            offset = (found.frames[-1].offset if found.frames else 0) + len(data)
            found.frames.append(
                LogFrame(offset=offset, time_ns=time.time_ns(), stream=stream, data=data)
            )
            self._changed.notify_all()

    def _find(self, container: str) -> Held:
        found = self._all.get(container)
        if found is None:
            raise NotFound("container", container)
        return found

    def _frames(self, container: str) -> Frames:
        with self._changed:
            return list(self._find(container).frames)

    def _first_health(self, found: Held) -> HealthRecord | None:
        return None if found.check is None else health.begun(found.record.health)

    def _check(self, found: Held) -> None:
        """Run the health check of what has just been started until that says something."""
        check, container = found.check, found.record.id
        for _ in range(check.retries if check is not None else 0):
            assert check is not None
            if found.record.state != "running":
                return
            try:
                outcome = play(check.args)
            except InvalidSpec as refused:
                self.probe(container, None, str(refused))
                continue
            late = f"it took longer than {check.timeout_seconds:g} s and was killed"
            said = late if outcome.exit_code is None else outcome.output
            self.probe(container, outcome.exit_code, said)
            if outcome.exit_code == 0:
                return

    def _effect(self, verb: str, container: str) -> None:
        self.before(verb, container)
        self.effects.append((verb, container))

    def _print(self, found: Held, outcome: Outcome) -> None:
        if outcome.output:
            self.print(found.record.id, outcome.output.encode())

    def _exit(self, container: str, exit_code: int, *, operation: str | None = None) -> None:
        for session in self._all[container].sessions.values():
            session.end(KILLED_INSIDE)
        self._change(
            container,
            "exited",
            operation=operation,
            state="exited",
            exit_code=exit_code,
            finished_ns=time.time_ns(),
            restarting=False,
            pid=None,
        )

    def _thaw(self, container: str) -> ContainerRecord:
        record = self._find(container).record
        if record.state != "paused":
            return record
        return self._change(container, "resumed", state="running")

    def _mark(
        self,
        found: Held,
        operation: str | None,
        state: str,
        result: Mapping[str, Any] | None = None,
    ) -> None:
        if operation is not None:
            found.once[operation] = OnceRecord(operation=operation, state=state, result=result)

    def _refuse(self, found: Held, operation: str, fault: RuntimeFault) -> None:
        plain = protocol.to_plain(protocol.fault_of(fault))
        found.once[operation] = OnceRecord(operation=operation, state="done", fault=plain)

    def _repeated(self, found: Held, operation: str) -> ContainerRecord:
        answer_again(found.once[operation])
        if found.once[operation].state != "done":
            raise Interrupted(f"operation {operation} was cut short, its effect is unknown")
        return found.record

    def _change(
        self,
        container: str,
        action: str,
        *,
        sink: Sink = _NULL,
        operation: str | None = None,
        result: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> ContainerRecord:
        found = self._all[container]
        record = replace(found.record, version=found.record.version + 1, **changes)
        found.record = record
        event = ContainerEvent(
            action=action,
            time_ns=time.time_ns(),
            record=record,
            operation=operation,
            result=result,
        )
        self._events.put(event)
        sink.event(event)
        self._changed.notify_all()
        return record
