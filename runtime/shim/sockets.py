"""Packet sockets between the engine, the zygote and the shims (unix(7), SOCK_SEQPACKET).

Paths go through a descriptor of their directory: a run root may be longer than the 107 bytes that
an address holds. A packet that is too big for the socket travels as a memory file.
"""

from __future__ import annotations

import array
import os
import socket
from collections.abc import Sequence

from runtime.errors import RuntimeFault, Unavailable
from runtime.shim import protocol
from runtime.shim.protocol import Message

_INLINE = 60_000
"""Bytes of a packet; above, a memfd comes along instead."""
_ELSEWHERE = b"memfd"
_MAX_FDS = 32
_ANCILLARY = socket.CMSG_SPACE(_MAX_FDS * 4)


def listen(directory: str, name: str) -> socket.socket:
    """Listen at `directory/name`, in place of whoever did before."""
    listener = _socket()
    draft = f"{name}.{os.getpid()}"
    fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _unlink(draft, fd)
        listener.bind(f"/proc/self/fd/{fd}/{draft}")
        listener.listen(128)
        os.rename(draft, name, src_dir_fd=fd, dst_dir_fd=fd)
    except BaseException:
        listener.close()
        raise
    finally:
        os.close(fd)
    listener.setblocking(False)
    return listener


def connect(directory: str, name: str, timeout_seconds: float) -> socket.socket:
    """Connect to who listens at `directory/name`. Raises OSError: nobody does."""
    connection = _socket()
    connection.settimeout(timeout_seconds)
    try:
        fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            connection.connect(f"/proc/self/fd/{fd}/{name}")
        finally:
            os.close(fd)
    except BaseException:
        connection.close()
        raise
    return connection


def pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected ends."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)


def send(connection: socket.socket, message: Message, fds: Sequence[int] = ()) -> None:
    """Send a message and copies of descriptors. Raises OSError."""
    packet = protocol.encode(message)
    if len(packet) <= _INLINE:
        _send(connection, packet, fds)
        return
    memory = os.memfd_create("message", os.MFD_CLOEXEC)
    try:
        os.write(memory, packet)
        _send(connection, _ELSEWHERE, [*fds, memory])
    finally:
        os.close(memory)


def receive(connection: socket.socket) -> tuple[Message, list[int]] | None:
    """Return the next message and the descriptors that came along; None at the end.

    Either all of them or none: where this process may open no more, those that are left out are
    the last ones (MSG_CTRUNC in recvmsg(2)), and the others are closed. Raises OSError (also
    TimeoutError, BlockingIOError), Unavailable for what is no message or cannot be read.
    """
    packet, ancillary, flags, _ = connection.recvmsg(
        _INLINE + 1, _ANCILLARY, socket.MSG_CMSG_CLOEXEC
    )
    fds = _descriptors(ancillary)
    if flags & socket.MSG_CTRUNC:
        while fds:
            os.close(fds.pop())
    if not packet:
        return None
    try:
        if packet == _ELSEWHERE:
            if not fds:
                raise Unavailable("a message is lost: no descriptor is left to read it by")
            packet = _read_memory(fds.pop())
        return protocol.decode(packet), fds
    except BaseException:
        for fd in fds:
            os.close(fd)
        raise


def tell(connection: socket.socket, message: Message, fds: Sequence[int] = ()) -> None:
    """Send to who may have died or may not read; that shows elsewhere."""
    try:
        send(connection, message, fds)
    except OSError:
        return


def hear(connection: socket.socket) -> tuple[Message, list[int]] | None:
    """As `receive`, from who is as good as gone where nothing can be read."""
    try:
        return receive(connection)
    except (OSError, RuntimeFault):
        return None


def _socket() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)


def _send(connection: socket.socket, packet: bytes, fds: Sequence[int]) -> None:
    if fds:
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))
        connection.sendmsg([packet], [rights])
    else:
        connection.send(packet)


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    fds = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return list(fds)


def _read_memory(fd: int) -> bytes:
    try:
        return os.pread(fd, os.fstat(fd).st_size, 0)
    finally:
        os.close(fd)


def _unlink(name: str, directory: int) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return
