"""A pseudo terminal out of a container's own devpts, so that its name means something inside.

    shim                                     process (in the container, before it drops)
    ----                                     -------------------------------------------
    socket pair, clone           --->        leads a session, is root inside
                                             opens /dev/pts/ptmx and its slave
    (master waits on the socket) <---        master by SCM_RIGHTS
                                             its slave is controlling terminal, stdin to stderr

Runs between clone and exec: everything is imported before, nothing is after.
"""

from __future__ import annotations

import array
import fcntl
import os
import socket
import struct
import termios
from dataclasses import dataclass

from runtime.abi import TIOCGPTN, TIOCGPTPEER, TIOCSPTLCK
from runtime.errors import Unavailable
from runtime.kernel import paths, prctl

_STDIO = 3
SIZE = struct.Struct("HHHH")
"""struct winsize of ioctl_tty(2): rows, columns, and two that nobody reads."""
_ONE = array.array("i", [0]).itemsize


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A terminal to be made, `rows` by `columns` characters; its master goes to `receiver`, a
    packet socket that the process closes."""

    rows: int
    columns: int
    receiver: int


def take(wanted: Terminal, uid: int, root: int) -> None:
    """Make a terminal in the tree under `root` and make it the caller's, for user `uid` inside.

    The caller is in the container's user namespace with all privileges there, but with the ids of
    the host's root, to whom a new terminal would belong: nobody inside could be given it. So it
    becomes root inside first. See pts(4), setsid(2), ioctl_tty(2).
    """
    os.setsid()
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    # setresuid may have changed it, and root inside could look into us.
    prctl.set_dumpable(False)
    master, slave, name = open_pair(root)
    try:
        resize(slave, rows=wanted.rows, columns=wanted.columns)
        os.fchown(slave, uid, -1)
        with socket.socket(fileno=wanted.receiver) as connection:
            hand_over(connection, name, master)
        become_controlling(slave)
    finally:
        os.close(master)
        os.close(slave)


def open_pair(root: int) -> tuple[int, int, str]:
    """Return master, slave and the slave's name of a new terminal. Raises KernelRefused."""
    master = paths.open_in_root(root, "/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(master, TIOCSPTLCK, struct.pack("i", 0))
    number = struct.unpack("i", fcntl.ioctl(master, TIOCGPTN, struct.pack("i", 0)))[0]
    slave = fcntl.ioctl(master, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    return master, slave, f"/dev/pts/{number}"


def resize(terminal: int, *, rows: int, columns: int) -> None:
    """Tell a terminal, by either side, its size in characters; its foreground gets SIGWINCH."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, SIZE.pack(rows, columns, 0, 0))


def hand_over(connection: socket.socket, name: str, master: int) -> None:
    """Send a master with the name of its slave (unix(7), SCM_RIGHTS)."""
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [master]))
    connection.sendmsg([name.encode()], [rights])


def receive(connection: socket.socket) -> int:
    """Return the master that was handed over, close-on-exec. Raises Unavailable: there is none."""
    try:
        _, ancillary, _, _ = connection.recvmsg(
            256, socket.CMSG_SPACE(_ONE), socket.MSG_CMSG_CLOEXEC | socket.MSG_DONTWAIT
        )
    except BlockingIOError:
        ancillary = []
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS) and len(data) >= _ONE:
            return int(array.array("i", data[:_ONE])[0])
    raise Unavailable("the terminal was not handed over: no descriptor is left for it")


def become_controlling(slave: int) -> None:
    """Make a terminal the caller's controlling one and its standard streams."""
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for number in range(_STDIO):
        os.dup2(slave, number)
