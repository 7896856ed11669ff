"""An engine in memory with the promises of `runtime.engine.Engine`: same verbs, same errors.

Programs are a small shell: `echo`, `sleep`, `exit`, `true`, `false`, also joined by `;` under
`sh -c`. `sleep` runs until somebody ends it. Every effect is counted in `effects`.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable

from runtime.containers.lifecycle import is_to_be_removed
from runtime.containers.plan import capabilities, own_filter, refuse_unbuilt
from runtime.containers.plan_health import plan_check
from runtime.containers.plan_process import surroundings
from runtime.containers.plan_resources import devices
from runtime.containers.plan_sharing import host_kinds
from runtime.containers.stop import check_grace
from runtime.errors import Conflict, NotFound, RuntimeFault
from runtime.events import (
    ContainerRecord,
    NullSink,
    OnceRecord,
    Sink,
)
from runtime.shim.marks import answer_again
from runtime.spec.amendment import Amendment
from runtime.spec.container import CONTAINER_NAME, ContainerSpec
from runtime.spec.execution import ExecSpec
from runtime.spec.session import SessionSpec
from tests.fakes.events import FakeEvents
from tests.fakes.figures import USED
from tests.fakes.images import FakeImages
from tests.fakes.looking import Looking
from tests.fakes.programs import play
from tests.fakes.sessions import FakeSession
from tests.fakes.store import ALIVE, Held

_NULL = NullSink()
KILLED = {"SIGKILL": 137, "SIGTERM": 143, "SIGINT": 130}


class FakeContainers(Looking):
    """The verbs of containers."""

    def create(
        self, spec: ContainerSpec, *, container: str | None = None, sink: Sink = _NULL
    ) -> ContainerRecord:
        """Make a container; the same id again changes nothing."""
        name = container or secrets.token_hex(16)
        with self._changed:
            if name in self._all:
                return self._all[name].record
            image = self._images.resolve(spec.namespace, spec.image)
            refuse_unbuilt(spec)
            surroundings(spec)
            host_kinds(spec)
            devices(spec)
            own_filter(spec, capabilities(spec), os.uname().machine, os.uname().release)
            check = plan_check(spec.health, image.config)
            self._effect("create", name)
            record = ContainerRecord(
                id=name,
                version=0,
                namespace=spec.namespace,
                spec=spec.to_json(),
                image_id=image.id,
                command=(*(spec.entrypoint or ()), *(spec.command or image.config.cmd or ())),
                state="created",
                created_ns=time.time_ns(),
            )
            self._all[name] = Held(record, spec, check)
            return self._change(name, "created", sink=sink)

    def start(self, container: str, *, sink: Sink = _NULL) -> ContainerRecord:
        """Run the command; running already is no error."""
        with self._changed:
            found = self._find(container)
            if found.record.state == "running":
                return found.record
            if found.record.state == "paused":
                raise Conflict(f"container {container} is paused: it cannot take start")
            outcome = play(found.record.command)
            self._effect("start", container)
            record = self._change(
                container,
                "started",
                sink=sink,
                state="running",
                started_ns=time.time_ns(),
                finished_ns=None,
                exit_code=None,
                pid=4242,
                health=self._first_health(found),
            )
            self._print(found, outcome)
            if outcome.exit_code is not None:
                self._exit(container, outcome.exit_code)
            else:
                self._check(found)
            return record

    def stop(
        self,
        container: str,
        *,
        timeout_seconds: float | None = None,
        operation: str | None = None,
        sink: Sink = _NULL,
    ) -> ContainerRecord:
        """Hand over and return; what is stopped stays stopped."""
        with self._changed:
            record = self._find(container).record
            if record.state not in ALIVE:
                return record
            self._effect("stop", container)
            record = self._thaw(container)
            if not self.hold_ends:
                self._exit(container, KILLED["SIGTERM"], operation=operation)
            return record

    def restart(
        self,
        container: str,
        *,
        timeout_seconds: float | None = None,
        operation: str,
        sink: Sink = _NULL,
    ) -> ContainerRecord:
        """Hand over, or start what does not run; once for each operation."""
        check_grace(timeout_seconds)
        with self._changed:
            found = self._find(container)
            if operation in found.once and found.once[operation].state != "begun":
                return self._repeated(found, operation)
            if found.record.restarting:
                return found.record
            if operation not in found.once:
                self._effect("restart", container)
                self._mark(found, operation, "begun")
            elif found.record.state in ALIVE:
                self._mark(found, operation, "done", {})
                return found.record
            if found.record.state not in ALIVE:
                try:
                    record = self.start(container, sink=sink)
                except RuntimeFault as fault:
                    self._refuse(found, operation, fault)
                    raise
                self._mark(found, operation, "done", {})
                return record
            self._thaw(container)
            self._change(container, "restarting", state="exited", restarting=True, exit_code=143)
            if not self.hold_ends:
                self.end_restart(container, operation)
            return found.record

    def kill(
        self,
        container: str,
        *,
        signal: str = "SIGKILL",
        operation: str | None = None,
        sink: Sink = _NULL,
    ) -> ContainerRecord:
        """Send a signal once for each operation."""
        with self._changed:
            found = self._find(container)
            if operation is not None and operation in found.once:
                return self._repeated(found, operation)
            if found.record.state not in ALIVE:
                raise Conflict(f"container {container} is {found.record.state}, not running")
            self._mark(found, operation, "begun")
            self._effect("kill", container)
            if signal in KILLED:
                self._thaw(container)
                self._exit(container, KILLED[signal], operation=operation)
            self._mark(found, operation, "done", {})
            return found.record

    def pause(self, container: str, *, sink: Sink = _NULL) -> ContainerRecord:
        """Let it stand still."""
        return self._move(container, "pause", "paused", "paused", sink)

    def resume(self, container: str, *, sink: Sink = _NULL) -> ContainerRecord:
        """Let it go on."""
        return self._move(container, "resume", "running", "resumed", sink)

    def rename(self, container: str, *, name: str, sink: Sink = _NULL) -> ContainerRecord:
        """Change the name."""
        CONTAINER_NAME("name", name)
        with self._changed:
            found = self._find(container)
            if found.record.spec["name"] == name:
                return found.record
            self._effect("rename", container)
            spec = {**found.record.spec, "name": name}
            return self._change(container, "renamed", sink=sink, spec=spec)

    def update(
        self, container: str, amendment: Amendment, *, operation: str, sink: Sink = _NULL
    ) -> ContainerRecord:
        """Change limits and restart policy once for each operation; what is used counts."""
        with self._changed:
            found = self._find(container)
            if operation in found.once:
                return self._repeated(found, operation)
            spec = amendment.applied(ContainerSpec.from_json(found.record.spec))
            refuse_unbuilt(spec)
            self._effect("update", container)
            limit = spec.limits.memory_bytes
            if found.record.state in ALIVE and limit is not None and limit < USED:
                fault = Conflict(
                    f"the container uses {USED} bytes of memory and may not be limited"
                )
                self._refuse(found, operation, fault)
                raise fault
            self._mark(found, operation, "done", {})
            return self._change(
                container, "updated", sink=sink, operation=operation, spec=spec.to_json()
            )

    def delete(self, container: str, *, force: bool = False, sink: Sink = _NULL) -> None:
        """Remove it, killing it first if forced."""
        with self._changed:
            found = self._find(container)
            if found.record.state in ALIVE and not force:
                raise Conflict(f"container {container} is running")
            if found.record.state in ALIVE:
                self._thaw(container)
                self._exit(container, KILLED["SIGKILL"])
            self._effect("delete", container)
            self._change(container, "deleted", sink=sink, state="dead", pid=None)
            del self._all[container]
            self._changed.notify_all()

    def execute(
        self, container: str, exec_spec: ExecSpec, *, operation: str, sink: Sink = _NULL
    ) -> None:
        """Start a process once for each operation; it ends by an event."""
        with self._changed:
            found = self._find(container)
            if operation in found.once:
                self._repeated(found, operation)
                return
            if found.record.state != "running":
                raise Conflict(f"container {container} is {found.record.state}, not running")
            outcome = play(exec_spec.command)
            self._mark(found, operation, "begun")
            self._effect("exec", container)
            if not self.hold_ends:
                self.end_exec(container, operation, outcome)

    def open_session(
        self, container: str, session_spec: SessionSpec, *, operation: str, sink: Sink = _NULL
    ) -> None:
        """Start a process to converse with once for each operation; it ends by an event."""
        with self._changed:
            found = self._find(container)
            if operation in found.once:
                answer_again(found.once[operation])
                return
            if found.record.state != "running":
                raise Conflict(f"container {container} is {found.record.state}, not running")
            session = FakeSession(
                session_spec.process.command,
                tty=session_spec.tty,
                lock=self._changed,
                ended=lambda code: self.end_session(container, operation, code),
            )
            self._mark(found, operation, "begun")
            self._effect("session", container)
            found.sessions[operation] = session
            session.begin()

    def attach(self, container: str, session_id: str, *, offset: int = 0) -> socket.socket:
        """Return a connection with a session."""
        with self._changed:
            found = self._find(container)
            if found.record.state not in ALIVE:
                raise Conflict(f"container {container} is {found.record.state}, not running")
            if session_id not in found.sessions:
                raise NotFound("session", session_id)
            session = found.sessions[session_id]
        return session.attach(offset)

    def once(self, container: str, operation: str) -> OnceRecord | None:
        """Return what is recorded of a kill, an exec or a restart."""
        with self._changed:
            return self._find(container).once.get(operation)

    def recover(self, *, busy: Callable[[str], bool] = lambda _: False) -> tuple[str, ...]:
        """Nothing breaks here; what has ended and was to be removed is deleted."""
        for record in self.list():
            if is_to_be_removed(record) and not busy(record.id):
                self.delete(record.id)
        return ()

    def _move(
        self, container: str, verb: str, state: str, action: str, sink: Sink
    ) -> ContainerRecord:
        with self._changed:
            record = self._find(container).record
            if record.state == state:
                return record
            if record.state not in ALIVE:
                raise Conflict(f"container {container} is {record.state}: it cannot take {verb}")
            self._effect(verb, container)
            return self._change(container, action, sink=sink, state=state)


class FakeEngine:
    """The door: containers, images, events."""

    instance = "feedbeef"

    def __init__(self) -> None:
        self.images = FakeImages()
        self.events = FakeEvents()
        self.containers = FakeContainers(self.images, self.events)

    @property
    def effects(self) -> list[tuple[str, str]]:
        """Every effect on containers so far: (verb, container)."""
        return self.containers.effects

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> FakeEngine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


__all__ = ["FakeContainers", "FakeEngine", "FakeEvents", "FakeImages"]
