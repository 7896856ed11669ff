"""What a container's state becomes when its run begins and ends. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from runtime.events import HealthRecord
from runtime.shim import health
from runtime.state.exits import ExitRecord
from runtime.state.records import State, Stopping


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """A run that was launched: its number, process, boot, and whether the policy started it.

    `checked` says that the container has a health check.
    """

    run: int
    pid: int
    pid_start: int | None
    boot: str
    again: bool
    checked: bool = False


def started(state: State, beginning: Beginning) -> State:
    """Return the state of a running container. A start by request forgets earlier restarts."""
    record = replace(
        state.record,
        state="running",
        started_ns=time.time_ns(),
        finished_ns=None,
        pid=beginning.pid,
        exit_code=None,
        oom_killed=False,
        restarting=False,
        restart_count=state.record.restart_count + 1 if beginning.again else 0,
        error="",
        health=health.begun(state.record.health) if beginning.checked else None,
    )
    return replace(
        state,
        record=record,
        boot=beginning.boot,
        run=beginning.run,
        pid_start=beginning.pid_start,
        held=state.held if beginning.again else False,
        stopping=None,
    )


def ended(state: State, end: ExitRecord, *, restarting: bool) -> State:
    """Return the state of a container whose run ended; a wish to restart it stays."""
    record = replace(
        state.record,
        state="exited",
        finished_ns=end.finished_ns,
        pid=None,
        exit_code=end.exit_code,
        oom_killed=end.oom_killed,
        restarting=restarting,
        error=end.error,
    )
    wish = state.stopping if restarting else None
    return replace(state, record=record, pid_start=None, stopping=wish)


def skipped(state: State) -> State:
    """Return the state after a restart that was refused: it counts as a run."""
    record = replace(state.record, restart_count=state.record.restart_count + 1)
    return replace(state, record=record, run=state.run + 1)


def paused(state: State) -> State:
    """Return the state of a running container that was frozen."""
    return replace(state, record=replace(state.record, state="paused"))


def resumed(state: State) -> State:
    """Return the state of a paused container that was thawed."""
    return replace(state, record=replace(state.record, state="running"))


def probed(state: State, found: HealthRecord) -> State:
    """Return the state after a result of the health check."""
    return replace(state, record=replace(state.record, health=found))


def settled(state: State) -> State:
    """Return the state of an exited container that will not be restarted after all."""
    return replace(state, record=replace(state.record, restarting=False), stopping=None)


def stopping(
    state: State, operation: str | None, deadline_ns: int, *, again: bool = False
) -> State:
    """Return the state of a container that somebody wants to end, to start `again` or not."""
    wish = Stopping(operation=operation, deadline_ns=deadline_ns, again=again)
    return replace(state, held=True, stopping=wish)


def updated(state: State, changes: Mapping[str, Any], operation: str) -> State:
    """Return the state of a container whose spec has other limits or another restart policy."""
    record = replace(state.record, spec={**state.record.spec, **changes})
    amended = {**state.amended, **changes}
    return replace(state, record=record, amended=amended, updated=operation)


def held(state: State) -> State:
    """Return the state of a container that its restart policy leaves alone from now on."""
    return replace(state, held=True)
