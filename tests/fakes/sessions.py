"""Sessions of the engine in memory: the bytes are kept as a shim keeps them, programs are played.

`cat` gives its input back until that ends; any other program prints what it prints at once, and
one that still runs takes input and says nothing.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence

from runtime import dialogue
from runtime.dialogue import (
    LARGEST,
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
from runtime.errors import Unavailable
from runtime.shim.replay import Inbox, Replay
from tests.fakes.programs import play

HUNG_UP = 129


class FakeSession:
    """One process that a test converses with; `ended` is told its exit code, once."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        tty: bool,
        lock: threading.Condition,
        ended: Callable[[int], None],
    ) -> None:
        self._ended = ended
        self._tty = tty
        self._echoes = command[0] == "cat"
        self._lock = lock
        self._replay = Replay()
        self._inbox = Inbox()
        self._reader: socket.socket | None = None
        self._exit: Exit | None = None
        self._told_exit = False
        self.sizes: list[tuple[int, int]] = []
        if not self._echoes:
            outcome = play(command)
            self._replay.append(1, outcome.output.encode())
            self._code = outcome.exit_code
        else:
            self._code = None

    def begin(self) -> None:
        """Let a program end that does so at once."""
        if self._code is not None:
            self.end(self._code)

    def end(self, exit_code: int) -> None:
        """Let the process end."""
        with self._lock:
            if self._exit is not None:
                return
            self._exit = Exit(exit_code)
            self._ended(exit_code)
            self._push()

    def attach(self, offset: int) -> socket.socket:
        """Converse with a new reader; return its end."""
        with self._lock:
            begin = self._replay.rewind(offset)
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._part("somebody else reads this session now")
            self._replay.acknowledge(begin)
            self._reader, self._told_exit = theirs, False
            received, taken = self._inbox.received, self._inbox.taken
            self._say(Opened(offset=begin, received=received, taken=taken, terminal=self._tty))
            self._push()
        threading.Thread(target=self._serve, args=(theirs,), daemon=True).start()
        return ours

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while packet := self._next(connection):
                with self._lock:
                    if connection is not self._reader:
                        return
                    try:
                        self._take(dialogue.decode(packet))
                    except Unavailable as fault:
                        self._part(str(fault))
                        return
            with self._lock:
                if connection is self._reader:
                    self._reader = None

    @staticmethod
    def _next(connection: socket.socket) -> bytes:
        try:
            return connection.recv(LARGEST + 1)
        except OSError:
            return b""

    def _take(self, word: Word) -> None:
        match word:
            case Input():
                self._inbox.put(word.data)
                self._inbox.passed(len(word.data))
                if self._echoes:
                    self._replay.append(1, word.data)
                self._say(Taken(self._inbox.taken))
            case EndOfInput() if self._tty:
                raise Unavailable("a terminal has no end of input but what is typed")
            case EndOfInput():
                self._inbox.ended = True
                if self._echoes:
                    self.end(0)
            case Acknowledge():
                self._replay.acknowledge(word.offset)
            case Resize():
                self.sizes.append((word.rows, word.columns))
            case HangUp():
                self.end(HUNG_UP if self._tty else 0)
            case _:
                raise Unavailable(f"{type(word).__name__} is no word of a reader's")
        self._push()

    def _push(self) -> None:
        while self._reader is not None and (piece := self._replay.next()) is not None:
            self._say(piece)
            self._replay.passed(piece)
        if self._reader is not None and self._exit is not None and not self._told_exit:
            self._told_exit = True
            self._say(self._exit)

    def _say(self, word: Word) -> None:
        if self._reader is not None:
            try:
                self._reader.send(dialogue.encode(word))
            except OSError:
                self._reader = None

    def _part(self, reason: str) -> None:
        if self._reader is not None:
            self._say(Parted(reason))
            reader, self._reader = self._reader, None
            if reader is not None:
                reader.shutdown(socket.SHUT_RDWR)
