"""The sparse index: reading begins near what is asked for, and is right without any index."""

from __future__ import annotations

import os
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from runtime.events import LogQuery
from runtime.shim.segment_index import EVERY, UNKNOWN, Mark, index_path, marks
from runtime.shim.segment_reader import SegmentReader, start_offset, tail_offset, time_offset
from runtime.shim.segments import SegmentWriter, segments

LINE = b"%09d\n"
FRAMES = 300


class Clock:
    """A second for each time that it is asked."""

    def __init__(self) -> None:
        self.seconds = 0
        self.back_at = -1

    def __call__(self) -> int:
        self.seconds += 1
        if self.seconds == self.back_at:
            self.seconds -= 300
        return self.seconds * 10**9


@pytest.fixture
def log(tmp_path: Path) -> str:
    """A log of FRAMES frames of 20 KB in segments of 1.5 MB, each line numbered."""
    directory = tmp_path / "logs"
    directory.mkdir()
    fill(str(directory), 0, Clock())
    return str(directory)


@cache
def numbered(frame: int) -> bytes:
    return b"".join(LINE % (frame * 2000 + line) for line in range(2000))


def fill(directory: str, first: int, clock: Clock) -> None:
    writer = SegmentWriter(directory, size=1_500_000, files=9, boot="boot", clock=clock)
    source, sink = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    for number in range(first, first + FRAMES):
        lines = numbered(number)
        os.write(sink, lines)
        assert writer.move(source, 1) == len(lines)
    writer.close()
    os.close(source)
    os.close(sink)


def read(directory: str, offset: int = 0) -> bytes:
    with SegmentReader(directory, offset) as reader:
        return b"".join(frame.data for frame in iter(reader.read, None))


def test_there_is_a_mark_for_each_quarter_of_a_megabyte(log: str) -> None:
    found = [marks(each.path, each.base) for each in segments(log)]

    assert len(found) == 4
    for begins, segment in zip(found, segments(log), strict=True):
        assert begins[0].offset == segment.base
        distances = [b.position - a.position for a, b in pairwise(begins)]
        assert all(EVERY <= distance < EVERY + 65_536 for distance in distances)
        assert os.stat(segment.path).st_size - begins[-1].position < EVERY + 65_536


def test_reading_from_an_offset_begins_at_the_mark_before_it(log: str) -> None:
    whole = read(log)

    for offset in range(0, len(whole), 99_991):
        assert read(log, offset) == whole[offset:]
    with SegmentReader(log, len(whole) - 10) as reader:
        assert reader.read() is not None
        last = segments(log)[-1]
        assert reader._offset == len(whole)
        assert marks(last.path, last.base)[-1].offset > last.base


def test_reading_is_the_same_with_no_index(log: str) -> None:
    whole = read(log)
    tail = tail_offset(log, 5_000)
    for each in segments(log):
        os.unlink(index_path(each.path))

    assert [mark.latest_ns for each in segments(log) for mark in marks(each.path, each.base)] == [
        UNKNOWN
    ] * 4
    assert read(log, 3_333_333) == whole[3_333_333:]
    assert tail_offset(log, 5_000) == tail == len(whole) - 50_000
    assert time_offset(log, 10**12) == 0


@pytest.mark.parametrize("lines", [1, 1999, 2001, 26_001, 99_999])
def test_tail_counts_over_marks_and_segments(log: str, lines: int) -> None:
    assert tail_offset(log, lines) == FRAMES * 20_000 - 10 * lines


def test_a_time_begins_close_before_it(log: str) -> None:
    with SegmentReader(log) as reader:
        frames = list(iter(reader.read, None))
    for wanted in frames[::37]:
        offset = start_offset(log, LogQuery(since_ns=wanted.time_ns))

        assert offset <= wanted.offset - len(wanted.data)
        assert wanted.offset - offset <= EVERY + 65_536 + 20_000


def test_a_clock_that_was_set_back_hides_no_frame(tmp_path: Path) -> None:
    clock = Clock()
    clock.back_at = 400
    directory = str(tmp_path)
    fill(directory, 0, clock)
    with SegmentReader(directory) as reader:
        frames = list(iter(reader.read, None))
    times = [frame.time_ns for frame in frames]
    assert times != sorted(times)

    for since in times[::11]:
        offset = time_offset(directory, since)
        assert all(frame.time_ns < since for frame in frames if frame.offset <= offset)


def test_a_next_writer_goes_on_with_the_index(log: str) -> None:
    fill(log, FRAMES, Clock())

    assert len(read(log)) == 2 * FRAMES * 20_000
    for each in segments(log)[:-1]:
        found = marks(each.path, each.base)
        assert len(found) >= 5
        assert [mark.latest_ns for mark in found] == sorted(mark.latest_ns for mark in found)
        assert found[-1].latest_ns < UNKNOWN


def test_a_killed_writers_index_is_cut_where_its_log_is(log: str) -> None:
    last = segments(log)[-1]
    os.unlink(f"{log}/end")
    before = marks(last.path, last.base)
    os.truncate(last.path, before[-1].position + 10)

    SegmentWriter(log, size=1_500_000, files=9, boot="boot")

    assert marks(last.path, last.base) == before[:-1]


@pytest.mark.parametrize("torn", [b"\0" * 24, b"\xff" * 24, b"\1" * 7])
def test_marks_that_a_crash_tore_are_left_out(log: str, torn: bytes) -> None:
    whole = read(log)
    last = segments(log)[-1]
    sound = marks(last.path, last.base)
    with Path(index_path(last.path)).open("ab") as file:
        file.write(torn)

    assert marks(last.path, last.base)[: len(sound)] == sound
    assert read(log, len(whole) - 30_000) == whole[-30_000:]
    assert tail_offset(log, 3) == len(whole) - 30


def test_the_index_goes_with_its_segment(tmp_path: Path) -> None:
    writer = SegmentWriter(str(tmp_path), size=100, files=2, boot="boot")
    source, sink = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    for _ in range(20):
        os.write(sink, b"x" * 90)
        writer.move(source, 1)
    os.close(source)
    os.close(sink)
    names = sorted(os.listdir(tmp_path))
    writer.close()

    bases = [each.base for each in segments(str(tmp_path))]
    assert names == sorted(f"{base:020d}.{kind}" for base in bases for kind in ("log", "idx"))


def test_an_index_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "00000000000000000000.idx").mkdir()
    writer = SegmentWriter(str(tmp_path), size=1 << 20, files=2, boot="boot")
    source, sink = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    os.write(sink, b"told all the same")

    assert writer.move(source, 1) == 17

    os.close(source)
    os.close(sink)
    writer.close()


def test_marks_compare_by_what_they_say() -> None:
    assert Mark(1, 2, 3) == Mark(1, 2, 3) != Mark(1, 2, 4)
