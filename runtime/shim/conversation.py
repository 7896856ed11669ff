"""One process that somebody converses with, and its reader: at most one at a time.

What the process prints is kept until the reader has it, up to a window; then nobody reads from the
process and it waits, as with any full pipe. What the reader types is kept until the process takes
it. Nothing here blocks: each descriptor is used when the loop says that it is ready.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from runtime import dialogue
from runtime.dialogue import (
    Acknowledge,
    EndOfInput,
    Exit,
    HangUp,
    Input,
    Opened,
    Parted,
    Resize,
    Taken,
    Word,
)
from runtime.errors import KernelRefused, Unavailable
from runtime.isolation import terminal
from runtime.isolation.launch import Launched
from runtime.kernel import process
from runtime.shim.exit_status import exit_code, reap, wait_status
from runtime.shim.loop import Loop, Timer
from runtime.shim.replay import Inbox, Replay

SETTLE_SECONDS = 0.25
"""What a terminal's last output may take to come after its process ended."""
LAST_BYTES = 1024 * 1024
"""What is taken of the output that is left when the process has ended; a full pipe has less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a session waits for a reader, at first and after each; and how long its process may
    take to end once its streams are gone."""

    grace_seconds: float = 60.0
    end_seconds: float = 10.0


PATIENCE = Patience()


@dataclass(slots=True)
class Streams:
    """Our ends of a process's streams: `outputs` are number of stream by descriptor."""

    input: int | None
    outputs: dict[int, int]
    terminal: bool


class Conversation:
    """A session. `ended(result)` is called once, when the process has; `forget()` when nobody needs
    the session any more."""

    def __init__(
        self,
        loop: Loop,
        launched: Launched,
        streams: Streams,
        *,
        ended: Callable[[Mapping[str, Any]], None],
        forget: Callable[[], None],
        patience: Patience = PATIENCE,
    ) -> None:
        self._loop = loop
        self._launched = launched
        self._streams = streams
        self._ended = ended
        self._forget = forget
        self._patience = patience
        self._replay = Replay()
        self._inbox = Inbox()
        self._reader: socket.socket | None = None
        self._reader_full = False
        self._told_taken = 0
        self._told_exit = False
        self._exited = False
        self._status: int | None = None
        self._exit: Exit | None = None
        self._left = 0
        self._timer: Timer | None = None
        for fd in (*streams.outputs, *([] if streams.input is None else [streams.input])):
            os.set_blocking(fd, False)
        self._read_on()
        loop.watch(launched.pidfd, self._process_ended)
        self._wait_for_reader()

    # The reader

    def check(self, offset: int) -> None:
        """Raise Unavailable where no reader can begin at `offset`."""
        if offset > self._replay.end:
            raise Unavailable(f"offset {offset} is past the end, {self._replay.end}")

    def attach(self, connection: socket.socket, offset: int) -> None:
        """Converse with the reader at the other end, in place of another; `check` comes first."""
        self._part("somebody else reads this session now")
        self._cancel_timer()
        begin = self._replay.rewind(offset)
        self._replay.acknowledge(begin)
        self._reader, self._told_taken = connection, self._inbox.taken
        self._told_exit = False
        connection.setblocking(False)
        self._loop.watch(connection.fileno(), self._hear)
        self._say(
            Opened(
                offset=begin,
                received=self._inbox.received,
                taken=self._inbox.taken,
                terminal=self._streams.terminal,
            )
        )
        self._read_on()
        self._push()

    def _hear(self) -> None:
        if self._reader is None:
            return
        try:
            packet = self._reader.recv(dialogue.LARGEST + 1)
        except (BlockingIOError, ConnectionResetError):
            return  # where it hung up before it read all, its own last words come behind this
        except OSError:
            packet = b""
        if not packet:
            self._lose_reader()
            return
        try:
            self._take(dialogue.decode(packet))
        except Unavailable as fault:
            self._part(str(fault))

    def _take(self, word: Word) -> None:
        match word:
            case Input():
                self._inbox.put(word.data)
                self._feed()
            case EndOfInput():
                self._end_input()
            case Acknowledge():
                self._replay.acknowledge(word.offset)
                self._read_on()
                self._leave_if_done()
            case Resize():
                self._resize(dialogue.size(word.rows, word.columns))
            case HangUp():
                self.hang_up()
            case _:
                raise Unavailable(f"{type(word).__name__} is no word of a reader's")

    def _push(self) -> None:
        """Send the reader what there is, as far as it takes it now."""
        if self._inbox.taken != self._told_taken and self._say(Taken(self._inbox.taken)):
            self._told_taken = self._inbox.taken
        while (piece := self._replay.next()) is not None and self._say(piece):
            self._replay.passed(piece)
        if piece is None and self._exit is not None and not self._told_exit:
            self._told_exit = self._say(self._exit)
            self._leave_if_done()

    def _say(self, word: Word) -> bool:
        """Send one word; say whether the reader's socket took it."""
        if self._reader is None or self._reader_full:
            return False
        try:
            self._reader.send(dialogue.encode(word))
        except BlockingIOError:
            self._reader_full = True
            self._loop.await_room(self._reader.fileno(), self._reader_has_room)
            return False
        except OSError:
            self._lose_reader()
            return False
        return True

    def _reader_has_room(self) -> None:
        self._reader_full = False
        self._push()

    def _part(self, reason: str) -> None:
        if self._reader is not None:
            self._say(Parted(reason))
            self._lose_reader()

    def _lose_reader(self) -> None:
        reader, self._reader = self._reader, None
        self._reader_full = False
        if reader is not None:
            self._loop.forget(reader.fileno())
            reader.close()
            self._wait_for_reader()

    def _wait_for_reader(self) -> None:
        self._cancel_timer()
        self._timer = self._loop.after(self._patience.grace_seconds, self._nobody_came)

    def _nobody_came(self) -> None:
        self._timer = None
        if self._exit is None:
            self.hang_up()
        else:
            self._forget()

    def _leave_if_done(self) -> None:
        if self._told_exit and self._replay.all_acknowledged:
            self._lose_reader()
            self._cancel_timer()
            self._forget()

    # The process

    def hang_up(self) -> None:
        """Close the streams, which ends what heeds SIGHUP or reads; what does not is killed."""
        if self._exit is not None or self._exited:
            return
        self._close_streams()
        self._inbox.drop()
        self._loop.after(self._patience.end_seconds, self._kill)

    def end(self) -> None:
        """Conclude now: the container ended, and with it the process."""
        self._reap()
        self._conclude()

    def _kill(self) -> None:
        if self._exited:
            return
        try:
            process.pidfd_send_signal(self._launched.pidfd, signal.SIGKILL)
        except KernelRefused as refused:
            if not process.is_gone(refused):
                raise

    def _read_on(self) -> None:
        """Read from the process as long as there is room, and to the end when it has ended."""
        paused = self._replay.room == 0 and not self._exited
        for fd in self._streams.outputs:
            if paused:
                self._loop.ignore(fd)
            else:
                self._loop.watch(fd, partial(self._pump, fd))

    def _pump(self, fd: int) -> None:
        """Take in a piece of output."""
        most = dialogue.CHUNK if self._exited else min(dialogue.CHUNK, self._replay.room)
        try:
            data = os.read(fd, most) if most else b""
        except BlockingIOError:
            return
        except OSError:  # EIO: nobody has the terminal open any more
            data = b""
        if most and not data:
            self._close_output(fd)
            return
        if data:
            self._replay.append(self._streams.outputs[fd], data)
            self._push()
        if self._exited:
            self._left += len(data)
            if self._left > LAST_BYTES:  # somebody outside goes on printing
                self._conclude()
        elif self._replay.room == 0:
            self._read_on()

    def _feed(self) -> None:
        """Write to the process what it takes now."""
        if self._streams.input is None:
            self._inbox.drop()
        else:
            self._write(self._streams.input)
        if self._inbox.ended and not self._inbox.waiting:
            self._close_input()
        self._push()

    def _write(self, fd: int) -> None:
        try:
            while waiting := self._inbox.waiting:
                self._inbox.passed(os.write(fd, waiting))
        except BlockingIOError:
            self._loop.await_room(fd, self._feed)
        except OSError:  # it has closed its end
            self._close_input()
            self._inbox.drop()

    def _end_input(self) -> None:
        if self._streams.terminal:
            raise Unavailable("a terminal has no end of input but what is typed")
        self._inbox.ended = True
        self._feed()

    def _resize(self, wanted: Resize) -> None:
        fd = self._streams.input
        if self._streams.terminal and fd is not None:
            with suppress(OSError):  # hung up this very moment
                terminal.resize(fd, rows=wanted.rows, columns=wanted.columns)

    def _process_ended(self) -> None:
        """Its last output may still be under way: a terminal's comes by the kernel's own worker."""
        self._reap()
        self._read_on()
        if self._streams.outputs:
            self._loop.after(SETTLE_SECONDS, self._conclude)
        else:
            self._conclude()

    def _reap(self) -> None:
        """Take the exit status in, at once: its container cannot end before its processes have."""
        if self._exited:
            return
        self._exited = True
        self._status = wait_status(self._launched.pid)
        reap(self._launched.pid)
        self._loop.forget(self._launched.pidfd)
        os.close(self._launched.pidfd)

    def _conclude(self) -> None:
        if self._exit is not None:
            return
        for fd in list(self._streams.outputs):
            self._drain(fd)
        self._close_streams()
        self._exit = Exit(None if self._status is None else exit_code(self._status))
        self._inbox.drop()
        self._ended({"exit_code": self._exit.exit_code})
        self._push()

    def _drain(self, fd: int) -> None:
        """Take in what is there now; a process outside may hold the other end open for ever."""
        try:
            while self._left <= LAST_BYTES and (data := os.read(fd, dialogue.CHUNK)):
                self._replay.append(self._streams.outputs[fd], data)
                self._left += len(data)
        except OSError:  # empty, or nobody has the terminal open any more
            return

    def _close_output(self, fd: int) -> None:
        self._loop.forget(fd)
        os.close(fd)
        del self._streams.outputs[fd]
        if self._streams.terminal:
            self._close_input()
        if self._exited and not self._streams.outputs:
            self._conclude()

    def _close_input(self) -> None:
        fd, self._streams.input = self._streams.input, None
        if fd is not None:
            self._loop.forget(fd)
            os.close(fd)

    def _close_streams(self) -> None:
        self._close_input()
        for fd in list(self._streams.outputs):
            self._loop.forget(fd)
            os.close(fd)
        self._streams.outputs.clear()

    def _cancel_timer(self) -> None:
        self._loop.cancel(self._timer)
        self._timer = None
