"""The shim: parent of one container, for as long as that runs or waits to be restarted.

It owns the container's namespaces, cgroup, log and exit status, and exits when all of it is
recorded. Its own death harms nothing: the zygote has copies of its descriptors and forks a
successor, which goes on from those and from what is on disk.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from typing import Any

from runtime.config import EngineConfig
from runtime.errors import Conflict, Exhausted, RuntimeFault
from runtime.events import ContainerEvent
from runtime.isolation.namespaces import Space
from runtime.shim import protocol, succession, transitions
from runtime.shim.amendments import Amendments, conduct_of
from runtime.shim.body import Body, Handed
from runtime.shim.chronicle import Chronicle
from runtime.shim.company import Company
from runtime.shim.conduct import HEALTHY_SECONDS, pause_seconds, restarts
from runtime.shim.exit_status import exit_code
from runtime.shim.link import Link
from runtime.shim.loop import Loop, Timer
from runtime.shim.marks import Marks
from runtime.shim.orders import Orders
from runtime.shim.run import Run
from runtime.shim.segments import SegmentWriter
from runtime.shim.sessions import Take
from runtime.shim.standstill import PAUSED, Standstill
from runtime.shim.wishes import Wishes, restart_of
from runtime.state import boot, durable, exits
from runtime.state.exits import ExitRecord
from runtime.state.records import Cause, Ledger, State


class Shim:
    """Minds one container. `serve` returns when there is nothing left to mind."""

    def __init__(self, config: EngineConfig, container: str, connection: socket.socket) -> None:
        self._container = container
        self._directory = config.container_data(container)
        self._boot = boot.boot_id()
        self._conduct = conduct_of(self._directory)
        self._loop = Loop()
        self._ledger = Chronicle(Ledger(self._directory, config.spool), self._loop)
        self._marks = Marks(self._directory, self._ledger)
        self._orders = Orders(container, self._loop, self)
        self._link = Link(
            container, self._loop, on_reaped=self._reaped, on_client=self._orders.welcome
        )
        self._link.attach(connection)
        self._wishes = Wishes(self._marks, self._ledger)
        self._body = Body(self._conduct.bundle)
        self._company = Company(self._loop, self._marks, self._ledger, self._body, self._conduct)
        self._standstill = Standstill(self._ledger, self._body, self._company.probes)
        self.amendments = Amendments(self._conduct, self._ledger, self._marks, self._body)
        self._writer = SegmentWriter(
            f"{self._directory}/logs",
            size=self._conduct.log_bytes,
            files=self._conduct.log_files,
            boot=self._boot,
        )
        self._orders.open(config.container_run(container))
        self._run: Run | None = None
        self._failures = 0
        self._deadline: Timer | None = None
        self._pause: Timer | None = None

    def serve(self) -> None:
        """Mind the container until its end is recorded."""
        self._loop.run()
        if self._ledger.settle():
            self._link.leaving()

    def begin(self, client: socket.socket, space: Space | None = None) -> None:
        """Start the container for a client that waits; nothing is left to mind if that fails."""
        self._body.offer(space)
        request = protocol.to_plain(protocol.Start(container=self._container))
        self._orders.welcome(client, request)
        if self._run is None and self._pause is None:
            self._leave()

    def take_over(self, handed: Handed) -> None:
        """Go on for a dead shim, from what the zygote kept and what is on disk."""
        self._body.take(handed)
        state = self._ledger.load()
        self._company.interrupt_all(but=restart_of(state))
        state = self._ledger.load()
        if "pidfd" in handed.fds and handed.run > state.run:
            run = succession.kept_run(handed, self._writer)
            self._record_start(run, again=state.record.restarting)
            self._watch(run)
        elif state.record.state in ("running", PAUSED):
            self._resume(state, handed)
        elif state.record.restarting:
            self._body.drop_cgroup()  # a first process may be in it that nobody heard of
            succession.let_go(handed)
            self._rest()
        else:
            self._leave()

    # Orders

    def start(self) -> int | None:
        """Launch the container now, unless it runs."""
        if self._run is not None:
            return None
        self._cancel_pause()
        try:
            return self._launch(again=False).record.version
        except RuntimeFault:
            if self._ledger.restarting:
                self._rest()  # its policy goes on, and whoever stops it finds somebody who minds it
            raise

    def stop(self, operation: str | None, grace_seconds: float | None) -> int | None:
        """Send the stop signal, and SIGKILL after the grace."""
        if self._run is None:
            return self._give_up(operation)
        grace = self._grace(grace_seconds)
        self._wishes.stop(operation, boot.uptime_ns() + int(grace * 1e9))
        self._ask_to_end(self._run, grace)
        return None

    def restart(self, operation: str, grace_seconds: float | None) -> int | None:
        """Send the stop signal, SIGKILL after the grace, and start it when it has ended."""
        grace = self._grace(grace_seconds)
        if not self._wishes.again(operation, boot.uptime_ns() + int(grace * 1e9)):
            return None
        if self._run is not None:
            self._ask_to_end(self._run, grace)
        else:
            self._cancel_pause()
            self._restart()
        return None

    def kill(self, operation: str | None, number: int) -> int | None:
        """Signal the first process, once for each operation; to end it also on a full disk."""
        if operation is None:
            return self._signal(None, number)
        return self._marks.attempt(
            operation,
            lambda: self._signal(operation, number),
            needed=not self._conduct.ends(number),
            goes_on=False,
        )

    def pause(self) -> int | None:
        """Freeze the container, unless it is."""
        self._running()
        return self._standstill.pause()

    def resume(self) -> int | None:
        """Thaw the container, if it is frozen."""
        self._running()
        return self._standstill.resume()

    def execute(self, operation: str, spec: Mapping[str, Any]) -> int | None:
        """Start a further process, once for each operation."""
        run = self._running()
        self._standstill.refuse(self._container)
        self._company.execute(run, operation, spec)
        return None

    def open_session(self, operation: str, spec: Mapping[str, Any]) -> int | None:
        """Start a process to converse with, once for each operation."""
        run = self._running()
        self._standstill.refuse(self._container)
        self._company.open_session(run, operation, spec)
        return None

    def reach(self, session: str, offset: int) -> Take:
        """Return what converses with a session's reader. Raises NotFound, Unavailable."""
        return self._company.reach(session, offset)

    def adopt(self, connection: socket.socket) -> None:
        """Hand copies of everything to a new zygote."""
        self._link.attach(connection)
        run = self._run
        if run is None:
            self._link.prepared(self._ledger.load().run, self._body.held())
            return
        self._link.prepared(run.number, {**run.output.pipes, **self._body.held()})
        self._link.launched(run.number, run.pid, run.pidfd)

    # A run

    def _launch(self, *, again: bool) -> ContainerEvent:
        with durable.told():
            self._ledger.require_room()
            run = self._body.launch(self._ledger.load().run + 1, self._writer, self._link)
            try:
                event = self._record_start(run, again=again)
            except OSError:  # nobody would know that it runs
                run.abandon()
                raise
        self._watch(run)
        return event

    def _resume(self, state: State, handed: Handed) -> None:
        end = exits.load(self._directory, run=state.run)
        run = None if end else succession.find_run(state, handed, self._writer, self._boot)
        if end is not None or run is None:
            self._conclude(end or succession.lost(state, self._boot))
            return
        self._watch(run)
        self.amendments.restore()
        self._standstill.restore(state)
        if state.stopping is not None:
            self._ask_to_end(run, (state.stopping.deadline_ns - boot.uptime_ns()) / 1e9)

    def _record_start(self, run: Run, *, again: bool) -> ContainerEvent:
        beginning = transitions.Beginning(
            run=run.number,
            pid=run.pid,
            pid_start=boot.start_time(run.pid),
            boot=self._boot,
            again=again and self._wishes.restart is None,
            checked=self._conduct.check is not None,
        )
        return self._ledger.change(
            Cause(action="started", operation=self._wishes.fulfil()),
            lambda state: transitions.started(state, beginning),
            needed=not self._ledger.restarting,
        )

    def _watch(self, run: Run) -> None:
        self._run = run
        for name, fd in run.output.pipes.items():
            self._loop.watch(fd, lambda name=name: self._pump(run, name))  # type: ignore[misc]
        self._loop.watch(run.pidfd, self._first_process_ended)
        self._company.probes.begin(run)

    def _pump(self, run: Run, name: str) -> None:
        if not run.output.pump(name):
            self._loop.forget(run.output.pipes[name])
            run.output.close_one(name)

    def _first_process_ended(self) -> None:
        run = self._run
        if run is None:
            return
        if run.ours:
            self._end(run, run.status())
        else:
            self._loop.forget(run.pidfd)
            self._ask_how_it_ended(run, time.monotonic() + succession.REAPED_WITHIN_SECONDS)

    def _ask_how_it_ended(self, run: Run, deadline: float) -> None:
        """Somebody else reaps it: the zygote, which will tell, or a stranger after whom the kernel
        may know."""
        status = run.status()
        if status is not None or time.monotonic() > deadline:
            self._end(run, status)
        else:
            self._loop.cancel(self._deadline)
            self._deadline = self._loop.after(
                succession.ASK_AGAIN_SECONDS, lambda: self._ask_how_it_ended(run, deadline)
            )

    def _reaped(self, pid: int, status: int) -> None:
        run = self._run
        if run is not None and run.pid == pid:
            run.reaped = status
            self._end(run, status)

    def _end(self, run: Run, status: int | None) -> None:
        self._run = None
        self._loop.cancel(self._deadline)
        for fd in (run.pidfd, *run.output.pipes.values()):
            self._loop.forget(fd)
        oom_killed = self._body.sweep()
        self._company.finish_all()
        run.output.drain()
        end = ExitRecord(
            run=run.number,
            exit_code=None if status is None else exit_code(status),
            oom_killed=oom_killed,
            finished_ns=time.time_ns(),
            error=succession.LOST if status is None else "",
        )
        exits.write(self._directory, end)
        run.close()
        self._failures = 0 if run.seconds() >= HEALTHY_SECONDS else self._failures
        self._conclude(end)

    def _conclude(self, end: ExitRecord, *, refused: Mapping[str, Any] | None = None) -> None:
        """Tell of a recorded end, then restart the container or leave."""
        self._body.drop_cgroup()
        state = self._ledger.load()
        count = state.record.restart_count
        asked = restart_of(state) is not None
        by_policy = restarts(self.amendments.conduct, exit_code=end.exit_code, count=count)
        if asked or (by_policy and not state.held):
            self._ledger.change(
                Cause(action="restarting"), lambda old: transitions.ended(old, end, restarting=True)
            )
            (self._restart if asked else self._rest)()
            return
        operation = state.stopping.operation if state.stopping else None
        result = {"fault": dict(refused)} if refused else None
        self._withdraw()
        self._ledger.change(
            Cause(action="exited", operation=operation, result=result),
            lambda old: transitions.ended(old, end, restarting=False),
        )
        self._leave()

    # Between runs

    def _rest(self) -> None:
        self._pause = self._loop.after(pause_seconds(self._failures), self._restart)
        self._failures += 1

    def _restart(self) -> None:
        self._pause = None
        try:
            self._launch(again=True)
        except Exhausted:
            self._rest()  # until there is room
        except RuntimeFault as fault:
            end = succession.failed(self._ledger.note(transitions.skipped), str(fault))
            exits.write(self._directory, end)
            self._conclude(end, refused=self._wishes.refuse(fault))

    def _give_up(self, operation: str | None) -> int | None:
        """Do not restart what waits to be restarted."""
        if not self._ledger.restarting:
            return None
        self._cancel_pause()
        self._wishes.drop()
        self._ledger.note(transitions.held)
        self._withdraw()
        cause = Cause(action="exited", operation=operation)
        event = self._ledger.change(cause, transitions.settled)
        self._leave()
        return event.record.version

    def _cancel_pause(self) -> None:
        self._loop.cancel(self._pause)
        self._pause = None

    # Ending

    def _withdraw(self) -> None:
        """Give back what a next start makes anew: it may come as soon as the end is recorded."""
        self._writer.close()
        self._body.close()

    def _leave(self) -> None:
        """Say good-bye, when all is recorded: from then on another shim may mind the container."""
        self._withdraw()
        if not self._ledger.behind:
            self._link.leaving()
        self._loop.stop()

    def _grace(self, seconds: float | None) -> float:
        return self._conduct.stop_timeout_seconds if seconds is None else seconds

    def _ask_to_end(self, run: Run, grace_seconds: float) -> None:
        self._standstill.resume()
        run.signal(self._conduct.stop_signal)
        self._loop.cancel(self._deadline)
        self._deadline = self._loop.after(max(0.0, grace_seconds), self._overdue)

    def _overdue(self) -> None:
        if self._run is not None:
            self._run.kill()

    def _signal(self, operation: str | None, number: int) -> int | None:
        ends = self._conduct.ends(number)
        if self._run is None and ends and self._ledger.restarting:
            return self._give_up(operation)
        run = self._running()
        if ends:
            self._wishes.drop()
            self._ledger.note(transitions.held)
        if not run.signal(number):
            raise self._not_running()
        if ends:
            self._standstill.resume()  # what is frozen heeds no signal, on v1 not even SIGKILL
        event = self._ledger.change(
            Cause(action="killed", operation=operation), lambda state: state
        )
        return event.record.version

    def _running(self) -> Run:
        if self._run is None:
            raise self._not_running()
        return self._run

    def _not_running(self) -> Conflict:
        return Conflict(f"container {self._container} is not running")
