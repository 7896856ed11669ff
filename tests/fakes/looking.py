"""What the engine in memory tells of its containers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from runtime.containers import lifecycle
from runtime.errors import InvalidSpec, Unavailable
from runtime.events import ContainerRecord, LogFrame, LogQuery
from runtime.shim.segment_reader import MAX_TAIL
from runtime.usage import Processes, Stats
from tests.fakes.figures import figures, processes
from tests.fakes.store import ALIVE, Frames, Store

_START = LogQuery()


class Looking(Store):
    """The verbs that change nothing, as `runtime.engine` documents them."""

    def wait(self, container: str, *, timeout_seconds: float | None = None) -> ContainerRecord:
        """Return the record once it has exited."""
        with self._changed:
            over = self._changed.wait_for(
                lambda: self._find(container).record.state in ("exited", "dead"), timeout_seconds
            )
            if not over:
                raise Unavailable(f"container {container} still runs")
            return self._find(container).record

    def logs(
        self,
        container: str,
        *,
        since: LogQuery = _START,
        follow: bool = False,
        stop: Callable[[], bool] | None = None,
    ) -> Iterator[LogFrame]:
        """Yield the output, oldest first; who asks wrongly is refused before the first frame."""
        batches = self.log_batches(container, since=since, follow=follow, stop=stop)
        return (frame for batch in batches for frame in batch)

    def log_batches(
        self,
        container: str,
        *,
        since: LogQuery = _START,
        follow: bool = False,
        stop: Callable[[], bool] | None = None,
    ) -> Iterator[list[LogFrame]]:
        """Yield the output, what is there at a time; refuses as `logs` does."""
        frames = self._frames(container)
        if since.tail is not None and not 0 <= since.tail <= MAX_TAIL:
            raise InvalidSpec("tail", f"{since.tail} is not a number from 0 to {MAX_TAIL}")
        return self._told(container, frames, since, follow, stop)

    def _told(
        self,
        container: str,
        frames: Frames,
        since: LogQuery,
        follow: bool,
        stop: Callable[[], bool] | None,
    ) -> Iterator[list[LogFrame]]:
        sent = since.offset
        if since.tail is not None:
            frames = frames[max(0, len(frames) - since.tail) :]
        if since.since_ns is not None:
            frames = [one for one in frames if one.time_ns >= since.since_ns]
        while True:
            batch = [frame for frame in frames if frame.offset > sent]
            if batch:
                yield batch
                sent = batch[-1].offset
            if not follow or (stop is not None and stop()):
                return
            with self._changed:
                if self._find(container).record.state not in ALIVE:
                    frames = [one for one in self._frames(container) if one.offset > sent]
                    follow = False
                    continue
                self._changed.wait(0.25)
            frames = self._frames(container)

    def stats(self, container: str) -> Stats:
        """Return made-up figures."""
        return figures(self._alive(container, "stats"))

    def top(self, container: str) -> Processes:
        """Return the only process."""
        return processes(self._alive(container, "top"))

    def inspect(self, container: str) -> ContainerRecord:
        """Return the record."""
        with self._changed:
            return self._find(container).record

    def list(self) -> list[ContainerRecord]:
        """Return all records, oldest first."""
        with self._changed:
            records = [one.record for one in self._all.values()]
        return sorted(records, key=lambda record: record.created_ns)

    def _alive(self, container: str, verb: str) -> ContainerRecord:
        with self._changed:
            self.looks.append((verb, container))
            record = self._find(container).record
            lifecycle.after(record.state, verb, restarting=record.restarting, container=container)
            return record
