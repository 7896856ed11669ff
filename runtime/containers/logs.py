"""Read a container's output, and follow it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from runtime.containers import lifecycle
from runtime.containers.site import Site
from runtime.errors import NotFound
from runtime.events import LogFrame, LogQuery
from runtime.shim.segment_reader import SegmentReader, start_offset
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
    site.ledger(container).load()
    directory = f"{site.directory(container)}/logs"
    offset = start_offset(directory, since)
    frames = _follow(site, container, offset, stop) if follow else _read(directory, offset)
    if since.since_ns is None:
        return frames
    earliest = since.since_ns
    return (frame for frame in frames if frame.time_ns >= earliest)


def _read(directory: str, offset: int) -> Iterator[LogFrame]:
    with SegmentReader(directory, offset) as reader:
        while frame := reader.read():
            yield frame


def _follow(
    site: Site, container: str, offset: int, stop: Callable[[], bool] | None
) -> Iterator[LogFrame]:
    directory = site.directory(container)
    with (
        SegmentReader(f"{directory}/logs", offset) as reader,
        watches.watch(f"{directory}/logs", watches.MODIFY | watches.CREATE) as watched,
    ):
        watched.add(directory, watches.MOVED_TO)
        while stop is None or not stop():
            over = not _goes_on(site, container)  # before reading: its last output is written
            while frame := reader.read():
                yield frame
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
