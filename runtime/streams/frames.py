"""The wire of the node's stream socket. Pure: bytes in, values out; nothing here does I/O.

A frame is a 4-byte big-endian length of the payload, one byte of kind, and the payload. One
connection carries one stream:

    client (web process)                    server (node agent)
    OPEN {"ticket": secret}           ->    redeems the ticket, once
                                      <-    READY {}        it is open
    a log stream
                                      <-    LOG header, bytes   as often as there is something
                                      <-    END {}          nothing more will come; closes
    (closes when it wants no more)    ->    ends the follow
    a stream of samples
                                      <-    SAMPLE {...}    as often as there is one
                                      <-    END {}          nothing more will come; closes
    an upload
    UPLOAD bytes                      ->    as often as needed
    END {}                            ->    that was all of it
                                      <-    END {...}       what was stored; closes
    a session
    WORD packet                      <->    of runtime.dialogue, which has its own chart
                                      <-    END {}          the session has hung up; closes

At any time the server may send FAULT {"code", "message", "details"} and close. A connection that
ends without END or FAULT was cut. Back-pressure is the socket's own.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any

from runtime.errors import Unavailable
from runtime.events import LogFrame

HEADER = struct.Struct(">IB")
"""Length of the payload in bytes, kind."""
LOG_HEADER = struct.Struct(">QQQB")
"""Offset, nanoseconds since the epoch, gap, length of the name of the stream."""
CHUNK = 64 * 1024
"""The most bytes of output that one LOG frame carries, and that an UPLOAD frame should."""
MAX_PAYLOAD = 256 * 1024
MAX_OPEN = 4096
"""The first frame comes from a stranger, so it is short."""


class FrameKind(IntEnum):
    """What the payload is."""

    OPEN = 1
    READY = 2
    DATA = 3
    LOG = 4
    UPLOAD = 5
    END = 6
    FAULT = 7
    WORD = 8
    SAMPLE = 20


class BadFrame(Unavailable):
    """The other side did not keep to the protocol; the message says what was expected."""


def pack(kind: FrameKind, payload: bytes = b"") -> bytes:
    """Return one frame. Raises BadFrame when `payload` is longer than a reader would take."""
    if len(payload) > MAX_PAYLOAD:
        raise BadFrame(f"a frame of {len(payload)} bytes is longer than {MAX_PAYLOAD}")
    return HEADER.pack(len(payload), kind) + payload


def pack_json(kind: FrameKind, plain: Mapping[str, Any]) -> bytes:
    """Return one frame whose payload is JSON."""
    return pack(kind, json.dumps(plain, separators=(",", ":")).encode())


def pack_log(frame: LogFrame) -> Iterator[bytes]:
    """Yield the frames that carry `frame`, each at most CHUNK bytes of output.

    Each piece has the offset after itself, so a reader may resume between two of them.
    """
    stream = frame.stream.encode()
    start = frame.offset - len(frame.data)
    gap = frame.gap
    for begin in range(0, max(len(frame.data), 1), CHUNK):
        piece = frame.data[begin : begin + CHUNK]
        offset = start + begin + len(piece)
        header = LOG_HEADER.pack(offset, frame.time_ns, gap, len(stream))
        gap = 0
        length = len(header) + len(stream) + len(piece)
        yield b"".join((HEADER.pack(length, FrameKind.LOG), header, stream, piece))


def parse_header(header: bytes, *, limit: int = MAX_PAYLOAD) -> tuple[FrameKind, int]:
    """Return (kind, length of the payload). Raises BadFrame for an unknown kind or a long one."""
    length, number = HEADER.unpack(header)
    if length > limit:
        raise BadFrame(f"a frame of {length} bytes is longer than {limit}")
    try:
        return FrameKind(number), length
    except ValueError:
        raise BadFrame(f"a frame of kind {number} is unknown") from None


def split(received: bytes) -> tuple[list[tuple[FrameKind, bytes]], bytes]:
    """Return the whole frames that `received` begins with, as (kind, payload), and the rest.

    Raises BadFrame as `parse_header` does.
    """
    frames = []
    begin, end = 0, len(received)
    while begin + HEADER.size <= end:
        kind, length = parse_header(received[begin : begin + HEADER.size])
        body = begin + HEADER.size
        if body + length > end:
            break
        frames.append((kind, received[body : body + length]))
        begin = body + length
    return frames, received[begin:]


def parse_json(payload: bytes) -> dict[str, Any]:
    """Return the object in `payload`. Raises BadFrame when it is anything else."""
    try:
        plain = json.loads(payload)
    except ValueError:
        raise BadFrame("expected JSON, received something else") from None
    if not isinstance(plain, dict):
        raise BadFrame(f"expected a JSON object, received {type(plain).__name__}")
    return plain


def parse_log(payload: bytes) -> LogFrame:
    """Return the log chunk in `payload`. Raises BadFrame when it is cut short."""
    if len(payload) < LOG_HEADER.size:
        raise BadFrame(f"expected a log header, received {len(payload)} bytes")
    offset, time_ns, gap, length = LOG_HEADER.unpack_from(payload)
    begin = LOG_HEADER.size + length
    try:
        stream = payload[LOG_HEADER.size : begin].decode("ascii")
    except UnicodeDecodeError:
        raise BadFrame("expected the name of a stream, received something else") from None
    return LogFrame(offset=offset, time_ns=time_ns, stream=stream, data=payload[begin:], gap=gap)


def expect(received: FrameKind, *expected: FrameKind) -> None:
    """Raise BadFrame unless `received` is one of `expected`."""
    if received not in expected:
        wanted = " or ".join(kind.name for kind in expected)
        raise BadFrame(f"expected {wanted}, received {received.name}")
