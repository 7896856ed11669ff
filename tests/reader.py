"""The reader's end of a session, as the node agent and whoever is behind it play it together."""

from __future__ import annotations

import socket

from runtime import dialogue
from runtime.dialogue import (
    CHUNK,
    LARGEST,
    Acknowledge,
    EndOfInput,
    Exit,
    Input,
    Opened,
    Output,
    Parted,
    Taken,
    Word,
)

PATIENCE_SECONDS = 20.0


class Reader:
    """Takes words in and acknowledges output; what a test looks at is kept."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        connection.settimeout(PATIENCE_SECONDS)
        opened = self.hear()
        assert isinstance(opened, Opened), opened
        self.opened = opened
        self.offset = opened.offset
        self.taken = opened.taken
        self.shown = {1: b"", 2: b""}
        self.exit: Exit | None = None
        self.parted: Parted | None = None

    def say(self, word: Word) -> None:
        self.connection.send(dialogue.encode(word))

    def hear(self) -> Word | None:
        """Return the next word, None where the session has hung up."""
        try:
            packet = self.connection.recv(LARGEST + 1)
        except ConnectionResetError:  # told once, before the last words
            packet = self.connection.recv(LARGEST + 1)
        return dialogue.decode(packet) if packet else None

    def type(self, text: str) -> None:
        for begin in range(0, len(text), CHUNK):
            self.say(Input(text[begin : begin + CHUNK].encode()))

    def half_close(self) -> None:
        self.say(EndOfInput())

    def listen(self, *, acknowledge: bool = True) -> bool:
        """Take one word in; False at the end."""
        word = self.hear()
        match word:
            case None:
                return False
            case Output():
                assert word.offset == self.offset + len(word.data)
                self.offset = word.offset
                self.shown[word.stream] += word.data
                if acknowledge:
                    self.say(Acknowledge(word.offset))
            case Taken():
                self.taken = word.total
            case Exit():
                self.exit = word
            case Parted():
                self.parted = word
        return True

    def until(self, wanted: str, *, stream: int = 1) -> str:
        """Return what is shown, once `wanted` is in it."""
        while wanted.encode() not in self.shown[stream]:
            assert self.listen(), self.shown
        return self.text(stream)

    def to_exit(self) -> int | None:
        """Listen to the end of the process and return its exit code."""
        while self.exit is None:
            assert self.listen(), self.shown
        return self.exit.exit_code

    def text(self, stream: int = 1) -> str:
        return self.shown[stream].decode(errors="replace").replace("\r\n", "\n")

    def forget(self) -> None:
        """Forget what was shown so far."""
        self.shown = {1: b"", 2: b""}

    def leave(self) -> None:
        self.connection.close()
