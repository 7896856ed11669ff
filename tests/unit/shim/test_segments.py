"""The log ring: what goes into the pipe comes out of the reader, whatever dies in between."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.errors import InvalidSpec
from runtime.events import LogFrame, LogQuery
from runtime.shim.segment_reader import SegmentReader, end_offset, start_offset, tail_offset
from runtime.shim.segments import CLOSED, HEADER, MAGIC, OPEN, SegmentWriter, segments

BOOT = "boot-1"


class Log:
    """A writer fed through a real pipe."""

    def __init__(self, directory: Path, *, size: int = 1 << 20, files: int = 3) -> None:
        self.directory = str(directory)
        self.writer = SegmentWriter(self.directory, size=size, files=files, boot=BOOT)
        self.source, self.sink = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def put(self, data: bytes, stream: int = 1) -> None:
        left = os.write(self.sink, data)
        while left:
            left -= self.writer.move(self.source, stream)

    def close(self) -> None:
        os.close(self.source)
        os.close(self.sink)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    opened = Log(tmp_path)
    yield opened
    opened.writer.close()
    opened.close()


def read(directory: object, offset: int = 0) -> list[LogFrame]:
    with SegmentReader(str(directory), offset) as reader:
        return list(iter(reader.read, None))


def text(frames: list[LogFrame]) -> bytes:
    return b"".join(frame.data for frame in frames)


def test_both_streams_come_back_in_order(log: Log) -> None:
    log.put(b"one\n", 1)
    log.put(b"two\n", 2)

    frames = read(log.directory)

    assert [(frame.stream, frame.data, frame.offset) for frame in frames] == [
        ("stdout", b"one\n", 4),
        ("stderr", b"two\n", 8),
    ]
    assert frames[0].time_ns <= frames[1].time_ns


def test_reading_resumes_inside_a_frame(log: Log) -> None:
    log.put(b"abcdef")

    assert text(read(log.directory, 2)) == b"cdef"


def test_an_empty_pipe_leaves_nothing_behind(log: Log) -> None:
    log.put(b"some")
    with pytest.raises(BlockingIOError):
        log.writer.move(log.source, 2)
    log.writer.close()

    assert Path(segments(log.directory)[0].path).stat().st_size == HEADER.size + 4


def test_end_of_the_pipe_is_told(log: Log) -> None:
    os.write(log.sink, b"last")
    os.close(log.sink)

    assert log.writer.move(log.source, 1) == 4
    assert log.writer.move(log.source, 1) == 0
    log.sink = os.open("/dev/null", os.O_WRONLY)


def test_the_ring_drops_the_oldest_and_the_reader_tells_the_gap(tmp_path: Path) -> None:
    log = Log(tmp_path, size=1000, files=2)
    for number in range(100):
        log.put(b"%099d\n" % number)

    frames = read(tmp_path)

    assert len(segments(str(tmp_path))) == 2
    assert frames[0].gap == segments(str(tmp_path))[0].base > 0
    assert text(frames).endswith(b"%099d\n" % 99)
    assert frames[0].gap + len(text(frames)) == 10_000 == frames[-1].offset
    log.close()


def test_a_reader_follows_over_a_rotation(tmp_path: Path) -> None:
    log = Log(tmp_path, size=200, files=3)
    got = b""
    with SegmentReader(str(tmp_path)) as reader:
        for number in range(50):
            log.put(b"%049d\n" % number)
            got += text(list(iter(reader.read, None)))

    assert got == b"".join(b"%049d\n" % number for number in range(50))
    log.close()


def test_a_writer_goes_on_where_the_last_one_closed(log: Log) -> None:
    log.put(b"before ")
    log.writer.close()
    log.writer = SegmentWriter(log.directory, size=1 << 20, files=3, boot=BOOT)
    log.put(b"after")

    assert text(read(log.directory)) == b"before after"


def test_a_writer_killed_before_the_move_loses_nothing(log: Log) -> None:
    log.put(b"kept ")
    last = segments(log.directory)[-1].path
    with Path(last).open("ab") as file:
        file.write(HEADER.pack(MAGIC, 1, OPEN, 0, 7))
    log.writer = SegmentWriter(log.directory, size=1 << 20, files=3, boot=BOOT)
    log.put(b"next")

    assert text(read(log.directory)) == b"kept next"


def test_a_writer_killed_after_the_move_loses_nothing(log: Log) -> None:
    log.put(b"kept ")
    last = segments(log.directory)[-1].path
    with Path(last).open("ab") as file:
        file.write(HEADER.pack(MAGIC, 2, OPEN, 0, 7) + b"moved ")
    log.writer = SegmentWriter(log.directory, size=1 << 20, files=3, boot=BOOT)
    log.put(b"next")

    frames = read(log.directory)

    assert [frame.data for frame in frames] == [b"kept ", b"moved ", b"next"]
    assert frames[1].stream == "stderr"


@pytest.mark.parametrize("torn", [b"\0" * 40, b"L", HEADER.pack(MAGIC, 1, CLOSED, 99, 7) + b"x"])
def test_what_a_crash_of_the_machine_tore_is_cut_off(log: Log, torn: bytes) -> None:
    log.put(b"kept ")
    with Path(segments(log.directory)[-1].path).open("ab") as file:
        file.write(torn)
    assert text(read(log.directory)) == b"kept "

    log.writer = SegmentWriter(log.directory, size=1 << 20, files=3, boot="boot-2")
    log.put(b"next")

    assert text(read(log.directory)) == b"kept next"


def test_a_note_of_another_boot_is_not_trusted(log: Log) -> None:
    log.put(b"kept ")
    log.writer.close()
    with Path(segments(log.directory)[-1].path).open("ab") as file:
        file.write(b"\0" * 100)
    log.writer = SegmentWriter(log.directory, size=1 << 20, files=3, boot="boot-2")

    assert log.writer.offset == 5


def test_a_full_disk_drops_output_and_tells_how_much(log: Log) -> None:
    log.put(b"before\n")
    log.writer._fd, good = os.open("/dev/full", os.O_RDWR), log.writer._fd
    log.put(b"x" * 1000)
    os.close(log.writer._fd)
    log.writer._fd = good
    log.put(b"after\n")

    frames = read(log.directory)

    assert [(frame.data, frame.gap) for frame in frames] == [
        (b"before\n", 0),
        (b"", 1000),
        (b"after\n", 0),
    ]
    assert frames[-1].offset == 7 + 1000 + 6
    assert text(read(log.directory, tail_offset(log.directory, 2))) == b"before\nafter\n"
    assert read(log.directory, frames[0].offset)[0].gap == 1000


def test_what_was_lost_last_is_told_when_the_writer_leaves(log: Log) -> None:
    log.put(b"before\n")
    log.writer._fd, good = os.open("/dev/full", os.O_RDWR), log.writer._fd
    log.put(b"x" * 1000)
    os.close(log.writer._fd)
    log.writer._fd = good
    log.writer.close()

    frames = read(log.directory, 107)

    assert [(frame.data, frame.gap, frame.offset) for frame in frames] == [(b"", 900, 1007)]
    assert SegmentWriter(log.directory, size=1 << 20, files=3, boot=BOOT).offset == 1007


@pytest.mark.parametrize(
    ("lines", "expected"),
    [(0, b""), (1, b"c\n"), (2, b"b\nc\n"), (3, b"a\nb\nc\n"), (9, b"a\nb\nc\n")],
)
def test_tail_begins_at_a_line(log: Log, lines: int, expected: bytes) -> None:
    log.put(b"a\nb")
    log.put(b"\nc\n")

    assert text(read(log.directory, tail_offset(log.directory, lines))) == expected


def test_an_unfinished_line_counts_for_tail(log: Log) -> None:
    log.put(b"a\nb\nc")

    assert text(read(log.directory, tail_offset(log.directory, 2))) == b"b\nc"


def test_tail_reaches_over_segments(tmp_path: Path) -> None:
    log = Log(tmp_path, size=100, files=5)
    for number in range(20):
        log.put(b"%d\n" % number)
    assert len(segments(str(tmp_path))) > 2

    offset = start_offset(str(tmp_path), LogQuery(tail=15))

    assert text(read(tmp_path, offset)).split() == [b"%d" % n for n in range(5, 20)]
    log.close()


def test_tail_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match="tail"):
        tail_offset(str(tmp_path), 10**9)


def test_output_without_any_newline_is_read_in_bounded_memory(tmp_path: Path) -> None:
    log = Log(tmp_path, size=16 << 20, files=3)
    for _ in range(512):
        log.put(b"x" * 65_536)
    tracemalloc.start()
    with SegmentReader(str(tmp_path)) as reader:
        total = sum(len(frame.data) for frame in iter(reader.read, None))
        tail = tail_offset(str(tmp_path), 10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert total == 512 * 65_536
    assert tail == 0
    assert peak < 2 << 20
    log.close()


def test_the_end_is_where_the_log_ended_whatever_comes_later(tmp_path: Path) -> None:
    assert end_offset(str(tmp_path)) == 0
    log = Log(tmp_path, size=4096, files=20)
    for number in range(1, 200):
        log.put(b"x" * 100)
        assert end_offset(log.directory) == number * 100
    for number in range(100):
        log.put(b"%099d\n" % number)
    assert tail_offset(log.directory, 3, 25_000) == 24_700  # of a log that went on
    log.writer.close()
    assert end_offset(log.directory) == 29_900
    log.close()
