"""The gate between create and start: a socket in the container's directory on which init waits.

    start                              init
    -----                              ----
                                       listens; holds the lock `waiting`
    connects, sends the state,   --->  runs the hooks startContainer, drops all privileges
    closes its sending side
    "r" or a fault              <---   "r" is followed by execve(2)
    end of file: it executes    <---   which closes the socket and gives up the lock

The lock is what tells a created container from a running one, at any moment and whoever died.
A start that is killed before it has sent everything has not been; init goes on waiting.
"""

from __future__ import annotations

import fcntl
import os
import socket

from runtime.errors import Conflict, KernelRefused
from runtime.isolation import sync
from runtime.isolation.oci.waiting import LOCK

NAME = "gate"
_CHUNK = 32_768
_END = b"\0"
_FAMILY = socket.AF_UNIX
_KIND = socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC


class Gate:
    """The two descriptors that init needs: `listener`, and `lock`, which lives till execve(2)."""

    __slots__ = ("listener", "lock")

    def __init__(self, directory: str) -> None:
        """Make both in `directory`. Raises KernelRefused."""
        self.lock = os.open(f"{directory}/{LOCK}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        try:
            # A path of a Unix socket has 107 bytes at most (unix(7)), one through /proc is short.
            with _Place(directory) as place, socket.socket(_FAMILY, _KIND) as listener:
                listener.bind(place)
                listener.listen(1)
                self.listener = listener.detach()
        except OSError as error:
            os.close(self.lock)
            raise KernelRefused("bind", error.errno or 0, f"{directory}/{NAME}") from None

    def close(self) -> None:
        """Let go of both; init has them."""
        os.close(self.listener)
        os.close(self.lock)

    def wait(self) -> tuple[sync.Pipe, bytes]:
        """Wait for a start; return the channel to it and the state that it sent."""
        with socket.socket(fileno=os.dup(self.listener)) as listener:
            while True:
                connection, _ = listener.accept()
                state = _receive(connection)
                if state is not None:
                    return sync.Pipe.over(writer=connection.detach()), state
                connection.close()


def release(directory: str, state: bytes) -> sync.Pipe:
    """Open the gate in `directory` and return the channel on which init tells what happens.

    Raises Conflict where nothing waits there.
    """
    with socket.socket(_FAMILY, _KIND) as connection:
        try:
            with _Place(directory) as place:
                connection.connect(place)
            for at in range(0, len(state), _CHUNK):
                connection.send(state[at : at + _CHUNK])
            connection.send(_END)
        except OSError:
            raise Conflict("the container does not wait to be started") from None
        return sync.Pipe.over(reader=connection.detach())


class _Place:
    """A short path of the gate in a directory, for the length of a `with`."""

    def __init__(self, directory: str) -> None:
        self._descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> str:
        return f"/proc/self/fd/{self._descriptor}/{NAME}"

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _receive(connection: socket.socket) -> bytes | None:
    """Return what a start sends, None where it ends before all was sent."""
    told = b""
    try:
        while packet := connection.recv(_CHUNK):
            if packet == _END:
                return told
            told += packet
    except OSError:
        return None
    return None
