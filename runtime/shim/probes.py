"""The health check of one container while it runs: when it is run, and what is told of it.

     off --- begin ---> waiting --- due ---> probing --- it ended ---> waiting
                           ^                    |
                           |   overdue: killed, counted as failed, minded until it is gone
                           '--------------------'
     hold (before a freeze) and over (the run ended) kill a probe, which then does not count.

There is never a second probe beside one that is not gone: one that cannot be killed, since it
hangs in the kernel, fails again each time the next would be due. Nothing here waits.
"""

from __future__ import annotations

import os
import time
from functools import partial

from runtime.errors import RuntimeFault
from runtime.events import HealthRecord, ProbeResult
from runtime.shim import health, transitions
from runtime.shim.body import Body
from runtime.shim.chronicle import Chronicle
from runtime.shim.conduct import Check
from runtime.shim.exit_status import is_ending
from runtime.shim.leftover import Leftover
from runtime.shim.loop import Loop, Timer
from runtime.shim.probe import Probe
from runtime.shim.run import Run
from runtime.spec.execution import ExecSpec
from runtime.state import boot
from runtime.state.records import Cause, State

_HANGS = "an earlier probe still hangs: it cannot be killed"


class Probes:
    """Probes one container by `check`, if it has one, and keeps its record of it."""

    def __init__(
        self, check: Check | None, loop: Loop, ledger: Chronicle, body: Body, leftover: Leftover
    ) -> None:
        self._check = check
        self._loop = loop
        self._ledger = ledger
        self._body = body
        self._leftover = leftover
        self._run: Run | None = None
        self._run_start: int | None = None
        self._health = health.begun(None)
        self._still = False
        self._timer: Timer | None = None
        self._probe: Probe | None = None
        self._orphan: int | None = None
        self._counts = False
        self._age = 0.0

    def begin(self, run: Run) -> None:
        """Probe the run from now on, and end what a dead shim has begun."""
        if self._check is None:
            return
        state = self._ledger.load()
        self._run, self._still = run, False
        self._run_start = state.pid_start
        self._health = state.record.health or health.begun(None)
        if self._probe is None and self._orphan is None:
            self._orphan = self._leftover.end()
            if self._orphan is not None:
                self._loop.watch(self._orphan, self._orphan_gone)
        self._schedule()

    def hold(self) -> None:
        """Do nothing until `go_on`: the container is about to stand still."""
        self._still = True
        self._drop()

    def go_on(self) -> None:
        """Go on after `hold`."""
        self._still = False
        self._schedule()

    def over(self) -> None:
        """The run has ended."""
        self._run = None
        self._drop()

    def _drop(self) -> None:
        self._loop.cancel(self._timer)
        self._timer = None
        self._counts = False
        if self._probe is not None:
            self._probe.kill()

    def _schedule(self) -> None:
        """Wait for the next probe to be due, unless there is to be none."""
        self._loop.cancel(self._timer)
        self._timer = None
        if self._check is not None and self._run is not None and not self._still:
            age = boot.seconds_since(self._run_start)
            pause = health.pause_seconds(self._check, self._health, age_seconds=age)
            self._timer = self._loop.after(pause, self._due)

    def _due(self) -> None:
        check, run = self._check, self._run
        if check is None or run is None:
            return
        self._age = boot.seconds_since(self._run_start)
        if self._probe is None and self._orphan is None:
            self._start(check, run)
        else:
            self._fail(_HANGS)

    def _start(self, check: Check, run: Run) -> None:
        probe = Probe(self._loop, born=self._leftover.note, ended=self._ended)
        spec = ExecSpec(command=check.args).to_json()
        try:
            probe.begin(lambda stdio: self._body.begin_join(run, spec, stdio))
        except (RuntimeFault, OSError) as refused:
            self._fail(str(refused))
            return
        self._probe, self._counts = probe, True
        self._timer = self._loop.after(check.timeout_seconds, self._overdue)

    def _overdue(self) -> None:
        if self._probe is None or self._check is None:
            return
        self._counts = False
        self._probe.kill()
        error = f"it took longer than {self._check.timeout_seconds:g} s and was killed"
        self._take_in(self._probe.result(error))
        self._schedule()

    def _ended(self, probe: Probe) -> None:
        self._probe = None
        if self._counts:
            self._counts = False
            self._take_in(probe.result())
            self._schedule()

    def _orphan_gone(self) -> None:
        if self._orphan is not None:
            self._loop.forget(self._orphan)
            os.close(self._orphan)
            self._orphan = None

    def _fail(self, error: str) -> None:
        now = time.time_ns()
        self._take_in(ProbeResult(started_ns=now, finished_ns=now, exit_code=None, error=error))
        self._schedule()

    def _take_in(self, result: ProbeResult) -> None:
        """Draw the conclusion. A full disk keeps it from being told until a later result."""
        check = self._check
        if check is None:
            return
        try:
            state = self._ledger.load()
            if _is_ending(state):
                return  # how it fares while it ends says nothing
            self._health = health.after(check, self._health, result, age_seconds=self._age)
            if not self._ledger.behind:
                self._tell(state.record.health)
        except (RuntimeFault, OSError):
            return  # what is wrong with the record is told to those who ask for it

    def _tell(self, recorded: HealthRecord | None) -> None:
        """Write it down; only another status is news to others."""
        decide = partial(transitions.probed, found=self._health)
        if recorded is not None and recorded.status == self._health.status:
            self._ledger.note(decide)
        else:
            self._ledger.change(Cause(action="health"), decide)


def _is_ending(state: State) -> bool:
    """Say whether the run ends: its end takes a probe with it, which is seen first."""
    pid = state.record.pid
    return state.stopping is not None or (pid is not None and is_ending(pid, state.pid_start))
