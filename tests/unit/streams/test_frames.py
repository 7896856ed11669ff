"""The wire of streams, without a socket."""

from __future__ import annotations

import pytest

from runtime.errors import (
    Conflict,
    InvalidSpec,
    KernelRefused,
    NotFound,
    RuntimeFault,
    Unavailable,
)
from runtime.events import LogFrame
from runtime.streams import faults
from runtime.streams.frames import (
    CHUNK,
    HEADER,
    MAX_PAYLOAD,
    BadFrame,
    FrameKind,
    expect,
    pack,
    pack_log,
    parse_header,
    parse_json,
    parse_log,
    split,
)


def unpack(frame: bytes) -> tuple[FrameKind, bytes]:
    kind, length = parse_header(frame[: HEADER.size])
    assert len(frame) == HEADER.size + length
    return kind, frame[HEADER.size :]


def test_a_log_chunk_survives_the_wire() -> None:
    chunk = LogFrame(offset=1005, time_ns=42, stream="stderr", data=b"\xff\0line\n"[:5], gap=7)

    frames = list(pack_log(chunk))

    assert [unpack(frame)[0] for frame in frames] == [FrameKind.LOG]
    assert parse_log(unpack(frames[0])[1]) == chunk


def test_a_long_chunk_is_cut_so_that_a_reader_can_resume_between_the_pieces() -> None:
    data = bytes(range(256)) * 700
    chunk = LogFrame(offset=5000 + len(data), time_ns=1, stream="stdout", data=data, gap=3)

    pieces = [parse_log(unpack(frame)[1]) for frame in pack_log(chunk)]

    assert b"".join(piece.data for piece in pieces) == data
    assert max(len(piece.data) for piece in pieces) == CHUNK
    assert [piece.offset for piece in pieces] == [5000 + 65536, 5000 + 131072, 5000 + len(data)]
    assert [piece.gap for piece in pieces] == [3, 0, 0]


def test_an_empty_chunk_still_carries_its_gap() -> None:
    chunk = LogFrame(offset=9, time_ns=1, stream="stdout", data=b"", gap=9)

    assert [parse_log(unpack(frame)[1]) for frame in pack_log(chunk)] == [chunk]


def test_a_frame_longer_than_the_limit_is_refused_by_both_ends() -> None:
    with pytest.raises(BadFrame, match="longer than"):
        pack(FrameKind.DATA, b"x" * (MAX_PAYLOAD + 1))
    with pytest.raises(BadFrame, match="longer than"):
        parse_header(HEADER.pack(MAX_PAYLOAD + 1, FrameKind.DATA))


def test_whole_frames_are_split_from_a_part_at_every_place() -> None:
    wire = pack(FrameKind.DATA, b"one") + pack(FrameKind.END) + pack(FrameKind.DATA, b"two")
    whole = [(FrameKind.DATA, b"one"), (FrameKind.END, b""), (FrameKind.DATA, b"two")]

    for place in range(len(wire) + 1):
        first, rest = split(wire[:place])
        second, nothing = split(rest + wire[place:])

        assert first + second == whole
        assert nothing == b""


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(BadFrame, match="kind 200"):
        parse_header(HEADER.pack(0, 200))


@pytest.mark.parametrize("payload", [b"", b"[]", b'"x"', b"{", b"\xff"])
def test_a_payload_that_is_no_object_is_refused(payload: bytes) -> None:
    with pytest.raises(BadFrame):
        parse_json(payload)


@pytest.mark.parametrize("payload", [b"", b"\0" * 24, b"\0" * 24 + b"\x02\xff\xff"])
def test_a_broken_log_header_is_refused(payload: bytes) -> None:
    with pytest.raises(BadFrame):
        parse_log(payload)


def test_an_unexpected_frame_is_told_with_both_kinds() -> None:
    with pytest.raises(BadFrame, match="expected READY, received LOG"):
        expect(FrameKind.LOG, FrameKind.READY)


@pytest.mark.parametrize(
    "fault",
    [
        InvalidSpec("since", "is not a number"),
        NotFound("container", "web"),
        KernelRefused("open", 28, "/x"),
        Conflict("it is running"),
        Unavailable("later"),
    ],
)
def test_a_fault_keeps_its_class_and_message(fault: RuntimeFault) -> None:
    rebuilt = faults.from_json(faults.to_json(fault))

    assert type(rebuilt) is type(fault)
    assert str(rebuilt) == str(fault)
    assert rebuilt.details() == fault.details()


def test_a_code_of_a_newer_agent_means_try_later() -> None:
    rebuilt = faults.from_json({"code": "moon", "message": "the moon is full"})

    assert type(rebuilt) is Unavailable
    assert str(rebuilt) == "the moon is full"
