"""What a session's process and its reader say to each other: packets. Pure.

    reader                                  session (in the shim)
      | (attaches at an offset) ----------> |
      | <---------------------------- Opened |   where the output goes on, what input it has
      | <---------------------------- Output |   at most WINDOW bytes past what is acknowledged
      | Acknowledge ----------------------> |   handled up to there: room for more, and dropped
      | Input ----------------------------> |   at most INPUT_WINDOW bytes past what was taken
      | <----------------------------- Taken |   the process has read up to there, or its pipe holds
      | Resize, EndOfInput ---------------> |   at any time
      | HangUp ---------------------------> |   ends the session
      | <------------------------------ Exit |   after all output; nothing follows
      | <---------------------------- Parted |   somebody else reads now, or the reader is at fault

Each side counts bytes from the session's beginning, so a new connection goes on where the last one
broke: output at the reader's offset, input at `Opened.received`. What one side may send ahead is
bounded, so each can always be read, whatever the other is slow at.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from runtime.errors import Unavailable

CHUNK = 32 * 1024
"""The most bytes of input or output in one packet."""
WINDOW = 256 * 1024
"""Bytes of output that are kept for a reader who has not acknowledged them."""
INPUT_WINDOW = 64 * 1024
"""Bytes of input that are kept for a process that does not read."""
LARGEST = CHUNK + 64
"""Bytes of the largest packet."""
STDOUT, STDERR = 1, 2
"""Streams of output; a terminal has only the first."""
_LARGEST_SIZE = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Output goes on after `offset`; `received` bytes of input have come, `taken` are written.

    `offset` is larger than asked for where what is between was acknowledged, and so dropped.
    """

    offset: int
    received: int
    taken: int
    terminal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Bytes of stream 1 or 2; `offset` counts both streams' bytes up to the end of `data`."""

    offset: int
    stream: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """The reader has handled the output up to `offset`."""

    offset: int


@dataclass(frozen=True, slots=True)
class Input:
    """Bytes for the process."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """All input up to `total` was written to the process."""

    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """The reader's window, in characters."""

    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class EndOfInput:
    """No input will follow."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the session."""


@dataclass(frozen=True, slots=True)
class Exit:
    """The process ended with this code; None where that is lost."""

    exit_code: int | None


@dataclass(frozen=True, slots=True)
class Parted:
    """The session goes on without this reader."""

    reason: str


Word = Opened | Output | Acknowledge | Input | Taken | Resize | EndOfInput | HangUp | Exit | Parted

_OPENED, _OUTPUT, _ACKNOWLEDGE, _INPUT, _TAKEN, _RESIZE, _END, _HANG_UP, _EXIT, _PARTED = range(
    1, 11
)
_OPENED_BODY = struct.Struct(">BQQQ?")
_OUTPUT_HEAD = struct.Struct(">BQB")
_NUMBER = struct.Struct(">BQ")
_SIZE = struct.Struct(">BHH")
_CODE = struct.Struct(">Bi")
_LOST = -1


def encode(word: Word) -> bytes:
    """Return the packet of a word."""
    if isinstance(word, Output):
        return _OUTPUT_HEAD.pack(_OUTPUT, word.offset, word.stream) + word.data
    if isinstance(word, Input):
        return bytes((_INPUT,)) + word.data
    if isinstance(word, Parted):
        return bytes((_PARTED,)) + word.reason.encode()
    return _encode_short(word)


def decode(packet: bytes) -> Word:
    """Return the word in a packet. Raises Unavailable for what is none."""
    if len(packet) > LARGEST:
        raise Unavailable(f"a packet is longer than {LARGEST} bytes")
    try:
        return _decode(packet)
    except (struct.error, IndexError, UnicodeDecodeError):
        raise Unavailable(f"not a packet of a session: {packet[:40]!r}") from None


def size(rows: int, columns: int) -> Resize:
    """Return a window's size, the nearest that a terminal can have."""
    return Resize(
        rows=min(max(rows, 1), _LARGEST_SIZE), columns=min(max(columns, 1), _LARGEST_SIZE)
    )


def _encode_short(
    word: Acknowledge | Taken | Opened | Resize | EndOfInput | HangUp | Exit,
) -> bytes:
    match word:
        case Acknowledge():
            return _NUMBER.pack(_ACKNOWLEDGE, word.offset)
        case Taken():
            return _NUMBER.pack(_TAKEN, word.total)
        case Opened():
            return _OPENED_BODY.pack(_OPENED, word.offset, word.received, word.taken, word.terminal)
        case Resize():
            return _SIZE.pack(_RESIZE, word.rows, word.columns)
        case EndOfInput():
            return bytes((_END,))
        case HangUp():
            return bytes((_HANG_UP,))
        case Exit():
            return _CODE.pack(_EXIT, _LOST if word.exit_code is None else word.exit_code)


def _decode(packet: bytes) -> Word:
    kind = packet[0]
    if kind == _OUTPUT:
        _, offset, stream = _OUTPUT_HEAD.unpack_from(packet)
        return Output(offset=offset, stream=stream, data=packet[_OUTPUT_HEAD.size :])
    if kind == _INPUT:
        return Input(packet[1:])
    if kind in (_ACKNOWLEDGE, _TAKEN):
        _, number = _NUMBER.unpack(packet)
        return Acknowledge(number) if kind == _ACKNOWLEDGE else Taken(number)
    if kind in _PLAIN and len(packet) == 1:
        return _PLAIN[kind]
    return _decode_rare(packet, kind)


def _decode_rare(packet: bytes, kind: int) -> Word:
    if kind == _RESIZE:
        _, rows, columns = _SIZE.unpack(packet)
        return Resize(rows=rows, columns=columns)
    if kind == _OPENED:
        _, offset, received, taken, terminal = _OPENED_BODY.unpack(packet)
        return Opened(offset=offset, received=received, taken=taken, terminal=terminal)
    if kind == _EXIT:
        _, code = _CODE.unpack(packet)
        return Exit(None if code == _LOST else code)
    if kind == _PARTED:
        return Parted(packet[1:].decode())
    raise Unavailable(f"a packet of kind {kind} is unknown")


_PLAIN: dict[int, Word] = {_END: EndOfInput(), _HANG_UP: HangUp()}
