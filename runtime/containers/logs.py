"""Read a container's output, and follow it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from runtime.containers import lifecycle
from runtime.containers.site import Site
from runtime.errors import NotFound
from runtime.events import LogFrame, LogQuery
from runtime.shim.segment_reader import SegmentReader, end_offset, start_offset
from runtime.state import watches

_ASK_SECONDS = 0.25


def logs(
    site: Site,
    container: str,
    *,
    since: LogQuery,
    follow: bool,
    stop: Callable[[], bool] | None,
) -> Iterator[LogFrame]:
    """Yield output; see `runtime.engine.Containers.logs`. Raises before the first frame is asked
    for where there is no such container."""
    batches = log_batches(site, container, since=since, follow=follow, stop=stop)
    return (frame for batch in batches for frame in batch)


def log_batches(
    site: Site,
    container: str,
    *,
    since: LogQuery,
    follow: bool,
    stop: Callable[[], bool] | None,
) -> Iterator[list[LogFrame]]:
    """Yield output by the batch; see `runtime.engine.Containers.log_batches`."""
    site.ledger(container).load()
    directory = f"{site.directory(container)}/logs"
    end = end_offset(directory)
    offset = start_offset(directory, since, end)
    batches = _follow(site, container, offset, stop) if follow else _read(directory, offset, end)
    return batches if since.since_ns is None else _since(batches, since.since_ns)


def _since(batches: Iterator[list[LogFrame]], earliest_ns: int) -> Iterator[list[LogFrame]]:
    for batch in batches:
        kept = [frame for frame in batch if frame.time_ns >= earliest_ns]
        if kept:
            yield kept


def _read(directory: str, offset: int, end: int) -> Iterator[list[LogFrame]]:
    """Yield what lies before `end`: whoever does not follow never waits for a fast writer."""
    with SegmentReader(directory, offset) as reader:
        while offset < end and (batch := reader.read_batch()):
            offset = batch[-1].offset
            if kept := [frame for frame in batch if frame.offset <= end]:
                yield kept


def _follow(
    site: Site, container: str, offset: int, stop: Callable[[], bool] | None
) -> Iterator[list[LogFrame]]:
    directory = site.directory(container)
    with (
        SegmentReader(f"{directory}/logs", offset) as reader,
        watches.watch(f"{directory}/logs", watches.MODIFY | watches.CREATE) as watched,
    ):
        watched.add(directory, watches.MOVED_TO)
        while stop is None or not stop():
            over = not _goes_on(site, container)  # before reading: its last output is written
            while batch := reader.read_batch():
                yield batch
                if stop is not None and stop():
                    return
            if over:
                return
            watched.wait(_ASK_SECONDS)


def _goes_on(site: Site, container: str) -> bool:
    try:
        record = site.ledger(container).load().record
    except NotFound:
        return False
    return lifecycle.is_minded(record)
