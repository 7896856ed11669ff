"""The terminal of a process, handed on to a console socket or shown on the caller's own.

In the foreground the caller's terminal is raw: what is typed, ^C too, goes to the process, whose
terminal does what a terminal does. The caller's is as it was before when the process has ended.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import socket
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.cli.arguments import Words
from runtime.errors import InvalidSpec
from runtime.isolation.children import Launched, send
from runtime.isolation.oci import console
from runtime.isolation.terminal import SIZE

NOT_PASSED_ON = frozenset(
    (signal.SIGCHLD, signal.SIGURG, signal.SIGTTIN, signal.SIGTTOU, signal.SIGTSTP)
)
"""Signals that are about the program itself; every other one is the process's."""
_NOT_CAUGHT = NOT_PASSED_ON | {
    *(signal.SIGKILL, signal.SIGSTOP),
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL),
}
"""What cannot be caught, or is the kernel's word of an own fault."""
_CHUNK = 65_536
_MOST_LEFT = 64
"""Reads of what an ended process has left; others may go on writing there for ever."""
_STDIN, _STDOUT = 0, 1
_ENDS_OF_OUTPUT = (errno.EIO, errno.EBADF)
"""What reading a terminal's master answers when nobody has the other side open (pty(7))."""


class Console:
    """Where the master of a process's terminal goes: `receiver` is for the process to send it.

    None is no terminal. Either the socket at `path` has it, or this program in the foreground.
    """

    def __init__(self, path: str) -> None:
        """Connect to the socket at `path`; "" keeps the master here. Raises InvalidSpec."""
        self._own: socket.socket | None = None
        self.receiver: int | None = None
        if path:
            self.receiver = console.connect(path)
        else:
            self._own, other = socket.socketpair()
            self.receiver = other.detach()

    def drop_receiver(self) -> None:
        """Close the process's side here: the process has it."""
        if self.receiver is not None:
            os.close(self.receiver)
            self.receiver = None

    def receive(self) -> int | None:
        """Return the master that the process has sent here, None where it went to a socket."""
        if self._own is None:
            return None
        self.drop_receiver()
        with self._own as own:
            _, descriptors, _, _ = socket.recv_fds(own, 256, 1)
        return descriptors[0]

    def close(self) -> None:
        """Close what is still open."""
        self.drop_receiver()
        if self._own is not None:
            self._own.close()


def choose(words: Words, *, terminal: bool, foreground: bool) -> Console | None:
    """Return where the terminal goes, None for a process without one.

    Raises InvalidSpec("--console-socket") where it can go nowhere, or is none and has a socket.
    """
    path = words.last("--console-socket")
    if path and not terminal:
        raise InvalidSpec("--console-socket", "is given, but process.terminal is not set")
    if not terminal:
        return None
    if not path and not foreground:
        raise InvalidSpec("--console-socket", "is needed, since process.terminal is set")
    return Console(path)


def own_size() -> tuple[int, int] | None:
    """Return rows and columns of the caller's terminal, None where it has none."""
    for number in range(3):
        try:
            told = fcntl.ioctl(number, termios.TIOCGWINSZ, bytes(SIZE.size))
        except OSError:
            continue
        rows, columns, _, _ = SIZE.unpack(told)
        return rows, columns
    return None


def show(launched: Launched, master: int) -> None:
    """Show the terminal of `launched` on stdin and stdout till it has ended; closes `master`.

    Signals are passed on, those of a changed size to the terminal. All are blocked in the caller.
    """
    os.set_blocking(master, False)
    relay = _Relay(master)
    poll = select.poll()
    poll.register(launched.pidfd, select.POLLIN)
    try:
        with _raw(_STDIN), _caught() as woken:
            poll.register(woken, select.POLLIN)
            while True:
                relay.register(poll)
                ready = dict(poll.poll())
                for number in os.read(woken, _CHUNK) if woken in ready else b"":
                    _answer(number, launched, master)
                relay.move(ready)
                if launched.pidfd in ready:
                    relay.drain()
                    return
    finally:
        os.close(master)


class _Relay:
    """Bytes on their way between the caller's terminal and the master of the process's."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._typed = b""
        self._is_fed = True
        self._is_told = True

    def register(self, poll: select.poll) -> None:
        """Say what to wait for; more is read only when what was typed has been passed on."""
        for descriptor, wanted in (
            (_STDIN, select.POLLIN if self._is_fed and not self._typed else 0),
            (
                self._master,
                (select.POLLIN if self._is_told else 0) | (select.POLLOUT if self._typed else 0),
            ),
        ):
            # An entry without events would still be woken by the other side's end.
            try:
                poll.unregister(descriptor)
            except KeyError:
                pass
            if wanted:
                poll.register(descriptor, wanted)

    def move(self, ready: dict[int, int]) -> None:
        """Carry what is ready."""
        if _STDIN in ready:
            self._typed = _read()
            self._is_fed = bool(self._typed)
        events = ready.get(self._master, 0)
        if events & select.POLLOUT:
            self._pass_on()
        if events & ~select.POLLOUT:
            self._tell()

    def drain(self) -> None:
        """Tell what the process has left in its terminal."""
        for _ in range(_MOST_LEFT):
            if not (self._is_told and self._tell()):
                return

    def _pass_on(self) -> None:
        try:
            self._typed = self._typed[os.write(self._master, self._typed) :]
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno not in _ENDS_OF_OUTPUT:
                raise
            self._typed, self._is_fed = b"", False

    def _tell(self) -> bool:
        """Write what the terminal has to stdout; say whether it had anything."""
        try:
            told = os.read(self._master, _CHUNK)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _ENDS_OF_OUTPUT:
                raise
            told = b""
        self._is_told = bool(told)
        while told:
            told = told[_write(told) :]
        return self._is_told


def _read() -> bytes:
    """Return what is typed, nothing where there is no stdin, or no more of it."""
    try:
        return os.read(_STDIN, _CHUNK)
    except OSError:
        return b""


def _write(told: bytes) -> int:
    """Write to stdout and return how much; where nobody reads any more, it is lost."""
    try:
        return os.write(_STDOUT, told)
    except BlockingIOError:
        poll = select.poll()
        poll.register(_STDOUT, select.POLLOUT)
        poll.poll()
        return 0
    except BrokenPipeError:
        return len(told)


def _answer(number: int, launched: Launched, master: int) -> None:
    if number == signal.SIGWINCH:
        size = own_size()
        if size is not None:
            fcntl.ioctl(master, termios.TIOCSWINSZ, SIZE.pack(*size, 0, 0))
        return
    send(launched, number)


@contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    """Make a terminal raw meanwhile; anything else is left alone."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor, termios.TCSANOW)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)


@contextmanager
def _caught() -> Iterator[int]:
    """Yield a descriptor on which the numbers of signals come; they are blocked again after."""
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    wanted = signal.valid_signals() - _NOT_CAUGHT
    for number in wanted:
        signal.signal(number, _ignore)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, wanted)
    try:
        yield reader
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        signal.set_wakeup_fd(-1)
        os.close(reader)
        os.close(writer)


def _ignore(*_: object) -> None:
    """Stand for the default action: what is caught is told by the wakeup descriptor."""
