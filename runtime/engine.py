"""The engine's single door: it composes the packages below and adds nothing of its own.

One Engine object may be used by many threads, and many processes may have one open on the same
roots. No call forks, changes directory, umask or namespaces of the calling process.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

from runtime.config import EngineConfig
from runtime.containers import (
    create,
    delete,
    execute,
    inspect,
    kill,
    logs,
    pause,
    recover,
    rename,
    restart,
    resume,
    retire,
    session,
    start,
    stats,
    stop,
    top,
    update,
    wait,
)
from runtime.containers.site import Site, open_site
from runtime.events import (
    ContainerRecord,
    LogFrame,
    LogQuery,
    NullSink,
    OnceRecord,
    Sink,
    SpooledEvent,
)
from runtime.spec.amendment import Amendment
from runtime.spec.container import ContainerSpec
from runtime.spec.execution import ExecSpec
from runtime.spec.session import SessionSpec
from runtime.state import spool
from runtime.system import fsck, leaks
from runtime.system.fsck import Finding
from runtime.usage import Processes, Stats

_FROM_START = LogQuery()
_NULL = NullSink()


class Containers:
    """The verbs of containers. Each raises NotFound for an id that there is not.

    What changes a container raises Exhausted on a full disk, KernelRefused for a disk that fails.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    def create(
        self, spec: ContainerSpec, *, container: str | None = None, sink: Sink = _NULL
    ) -> ContainerRecord:
        """Make a container and return its record; the same `container` id again changes nothing.

        The id (32 hexadecimal digits) is minted where it is None. Raises InvalidSpec, and NotFound
        for an image that there is not.
        """
        return create.create(self._site, spec, container=container, sink=sink)

    def start(self, container: str, *, sink: Sink = _NULL) -> ContainerRecord:
        """Run the container's command; return once execve(2) succeeded, or at once if it runs.

        Raises InvalidSpec("command" | "user" | "working_dir") or KernelRefused where the program
        cannot be run; the record then stays as it was. Raises Conflict where it is paused.
        """
        return start.start(self._site, container, sink=sink)

    def stop(
        self,
        container: str,
        *,
        timeout_seconds: float | None = None,
        operation: str | None = None,
        sink: Sink = _NULL,
    ) -> ContainerRecord:
        """Hand the stop signal, and SIGKILL after the grace, over to the shim; return at once.

        It ends by the event `exited` with this `operation`. Stopping what is stopped is harmless,
        and keeps it from being restarted. What is paused is resumed, to heed the signal.
        """
        return stop.stop(
            self._site,
            container,
            timeout_seconds=timeout_seconds,
            operation=operation,
            sink=sink,
        )

    def restart(
        self,
        container: str,
        *,
        timeout_seconds: float | None = None,
        operation: str,
        sink: Sink = _NULL,
    ) -> ContainerRecord:
        """Stop the container as `stop` does and start it again, once for each `operation`.

        What runs is handed over to the shim: it ends by the event `started` with this operation;
        or `exited`, where it could not be started again (the result is `{fault}`) or was stopped or
        killed meanwhile. What does not run is started before this returns; `once` then says done.
        Raises Conflict while it is being stopped or restarted, what `start` raises, and Interrupted
        as `kill` does.
        """
        return restart.restart(
            self._site,
            container,
            timeout_seconds=timeout_seconds,
            operation=operation,
            sink=sink,
        )

    def kill(
        self,
        container: str,
        *,
        signal: str = "SIGKILL",
        operation: str | None = None,
        sink: Sink = _NULL,
    ) -> ContainerRecord:
        """Send `signal` to the container's first process, once for each `operation`.

        What is paused gets it when it is resumed; SIGKILL and the stop signal resume it.
        Raises Conflict where it does not run, Interrupted where an earlier call with the same
        operation was cut short.
        """
        return kill.kill(self._site, container, signal=signal, operation=operation, sink=sink)

    def pause(self, container: str, *, sink: Sink = _NULL) -> ContainerRecord:
        """Freeze every process of the container; return when all stand still (cgroups(7)).

        Pausing what is paused is harmless. Raises Conflict where it does not run or is being
        stopped, Unavailable where a process did not freeze within 2 seconds: then all go on.
        """
        return pause.pause(self._site, container, sink=sink)

    def resume(self, container: str, *, sink: Sink = _NULL) -> ContainerRecord:
        """Let a paused container go on; what runs already is left alone.

        Raises Conflict where it does not run.
        """
        return resume.resume(self._site, container, sink=sink)

    def rename(self, container: str, *, name: str, sink: Sink = _NULL) -> ContainerRecord:
        """Change the name in the container's spec, whatever state it is in; its hostname stays.

        The engine knows containers by their ids, so names need not differ here. Raises InvalidSpec.
        """
        return rename.rename(self._site, container, name=name, sink=sink)

    def update(
        self, container: str, amendment: Amendment, *, operation: str, sink: Sink = _NULL
    ) -> ContainerRecord:
        """Change limits and restart policy, of what runs at once; once for each `operation`.

        All of it, or nothing. Raises InvalidSpec for what contradicts the rest of the spec or
        cannot be held here, Conflict where it uses more memory than it may have from then on,
        KernelRefused. The next start, and each after it, has the new limits too.
        """
        return update.update(self._site, container, amendment, operation=operation, sink=sink)

    def delete(self, container: str, *, force: bool = False, sink: Sink = _NULL) -> None:
        """Remove the container and everything it wrote. Raises Conflict if it runs, unless `force`
        kills it first."""
        delete.delete(self._site, container, force=force, sink=sink)

    def execute(
        self, container: str, exec_spec: ExecSpec, *, operation: str, sink: Sink = _NULL
    ) -> None:
        """Start a further process in the running container, once for each `operation`.

        It ends by the event `exec-finished` with this operation and the result `{exit_code,
        stdout, stderr, stdout_base64, stderr_base64, truncated}`. Raises Conflict where it does
        not run or is paused, InvalidSpec where the program cannot be run, Interrupted as `kill`
        does.
        """
        execute.execute(self._site, container, exec_spec, operation=operation, sink=sink)

    def open_session(
        self, container: str, session_spec: SessionSpec, *, operation: str, sink: Sink = _NULL
    ) -> None:
        """Start a process to converse with in the running container, once for each `operation`.

        Its id is the operation's. It ends by itself, by a reader's word, or when no reader has
        been there for a minute, and then by the event `exec-finished` with this operation and the
        result `{exit_code}`. Raises as `execute` does, and Exhausted.
        """
        session.open_session(self._site, container, session_spec, operation=operation, sink=sink)

    def attach(self, container: str, session_id: str, *, offset: int = 0) -> socket.socket:
        """Return a connection with a session whose output goes on after `offset` bytes.

        It is blocking, and the caller's to close; each packet on it is a word of
        `runtime.dialogue`. Another reader of the session is sent away. Raises NotFound where the
        session is over or there is none, Conflict where the container does not run.
        """
        return session.attach(self._site, container, session_id, offset=offset)

    def once(self, container: str, operation: str) -> OnceRecord | None:
        """Return what is recorded of a kill, an exec or a restart; None if it never began."""
        return inspect.once(self._site, container, operation)

    def wait(self, container: str, *, timeout_seconds: float | None = None) -> ContainerRecord:
        """Return the record once the container has exited for good.

        Raises Unavailable when `timeout_seconds` are over before.
        """
        return wait.wait(self._site, container, timeout_seconds=timeout_seconds)

    def logs(
        self,
        container: str,
        *,
        since: LogQuery = _FROM_START,
        follow: bool = False,
        stop: Callable[[], bool] | None = None,
    ) -> Iterator[LogFrame]:
        """Yield the container's output, oldest first.

        With `follow` it goes on until the container is not running any more and everything was
        read, or until `stop` (asked about four times a second) returns true.
        """
        return logs.logs(self._site, container, since=since, follow=follow, stop=stop)

    def log_batches(
        self,
        container: str,
        *,
        since: LogQuery = _FROM_START,
        follow: bool = False,
        stop: Callable[[], bool] | None = None,
    ) -> Iterator[list[LogFrame]]:
        """Yield what `logs` would, by the batch: the frames that are there, about 256 KiB of them.

        A batch has one frame at least and is never waited for to become fuller. For who sends the
        output on: a busy container's frames are small.
        """
        return logs.log_batches(self._site, container, since=since, follow=follow, stop=stop)

    def stats(self, container: str) -> Stats:
        """Return one sample of what the container uses: cpu, memory, pids, block I/O, network.

        What this host has no controller for is None, never 0. What is paused has figures, too.
        Raises Conflict where it does not run.
        """
        return stats.stats(self._site, container)

    def top(self, container: str) -> Processes:
        """Return the container's processes, 512 at most, with their numbers inside and outside.

        Raises Conflict where it does not run.
        """
        return top.top(self._site, container)

    def inspect(self, container: str) -> ContainerRecord:
        """Return the container's record."""
        return inspect.inspect(self._site, container)

    def list(self) -> list[ContainerRecord]:
        """Return the records of all containers, oldest first."""
        return inspect.list_all(self._site)

    def recover(self, *, busy: Callable[[str], bool] = lambda _: False) -> tuple[str, ...]:
        """Repair what crashes and reboots left; return one sentence for each repair.

        Also delete what has ended and was to be removed then (`auto_remove`), unless `busy` says
        that its id is still needed; that is no repair.

        Harmless at any time and next to anything: it touches only what belongs to this instance
        and what no living process works on.
        """
        return recover.recover(self._site, busy=busy)


class Events:
    """What happened to containers and was not taken over by a relay yet."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def pending(self) -> Iterator[SpooledEvent]:
        """Yield the waiting events, oldest first."""
        return spool.pending(self._site.config.spool)

    def discard(self, spooled: SpooledEvent) -> None:
        """Drop an event that was taken over."""
        spool.discard(self._site.config.spool, spooled)

    def wait(self, timeout_seconds: float) -> bool:
        """Sleep until an event is spooled, `timeout_seconds` at most; say whether there is one."""
        return spool.wait(self._site.config.spool, timeout_seconds)


class System:
    """The instance as a whole."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def fsck(self, *, repair: bool) -> list[Finding]:
        """Return what is damaged or left over, on disk and in the kernel.

        `repair` puts right what can be; without it nothing is touched.
        """
        store = fsck.fsck(self._site.config, repair=repair)
        return [*store, *leaks.leaks(self._site, repair=repair)]

    def retire(self) -> tuple[str, ...]:
        """Remove every container, the zygote and the cgroups, and return the containers' ids.

        What is on disk but containers stays. Raises Unavailable where a cgroup stays in use.
        """
        return retire.retire(self._site)


class Engine:
    """One instance of the engine: the containers and images below its two roots."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.containers = Containers(site)
        self.images = site.images
        self.events = Events(site)
        self.system = System(site)

    @classmethod
    def open(cls, config: EngineConfig) -> Engine:
        """Make the instance's directories and id where they lack, and start its zygote if none
        runs. Raises Unavailable, KernelRefused."""
        return cls(open_site(config))

    @property
    def instance(self) -> str:
        """The instance's id, 8 hexadecimal digits; all its names in the kernel carry it."""
        return self._site.instance

    def close(self) -> None:
        """Let go of what the object holds. Containers, shims and the zygote go on."""
        self._site.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
