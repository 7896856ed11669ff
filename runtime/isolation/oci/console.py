"""The terminal of a process: made inside the container, handed to whoever shall hold it.

The pseudo terminal is one of the container's own devpts, so that its name means something inside.
The other side gets the master over a Unix socket, with its name, as containerd and podman await it.
"""

from __future__ import annotations

import os
import socket
import stat

from runtime.abi import O_PATH
from runtime.errors import InvalidSpec, KernelRefused
from runtime.isolation import terminal
from runtime.isolation.oci.plan import IdMaps, ProcessPlan
from runtime.kernel import mounts, paths

_STDIO = 3


def connect(path: str) -> int:
    """Return a descriptor connected to the console socket at `path`. Raises InvalidSpec."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
        try:
            connection.connect(path)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise InvalidSpec("--console-socket", f"{path}: {reason.lower()}") from None
        return connection.detach()


def open_terminal(wanted: ProcessPlan, maps: IdMaps, receiver: int, root: int) -> int:
    """Make a terminal in the tree under `root`; its master goes to `receiver`, which is closed.

    Returns the other side. The caller is in the container's mount namespace, and not in its user
    namespace yet, whose root could not give the terminal away. See pts(4), ioctl_tty(2).
    """
    master, slave, name = _open_pair(root)
    try:
        if wanted.console_size is not None:
            rows, columns = wanted.console_size
            terminal.resize(slave, rows=rows, columns=columns)
        os.fchown(slave, maps.uid(wanted.uid), -1)
        with socket.socket(fileno=receiver) as connection:
            terminal.hand_over(connection, name, master)
    except BaseException:
        os.close(slave)
        raise
    finally:
        os.close(master)
    return slave


def take(slave: int) -> None:
    """Make a terminal the caller's, and its stdio; the caller leads a session that has none."""
    terminal.become_controlling(slave)
    if slave >= _STDIO:
        os.close(slave)


def _open_pair(root: int) -> tuple[int, int, str]:
    try:
        return terminal.open_pair(root)
    except KernelRefused as refused:
        raise InvalidSpec("process.terminal", f"needs a devpts at /dev/pts: {refused}") from None


def attach(root: int, slave: int) -> None:
    """Put a terminal over the file /dev/console under `root`, made where it is missing."""
    dev = paths.make_directories(root, "/dev")
    try:
        try:
            os.mknod("console", stat.S_IFREG | 0o620, dir_fd=dev)
        except FileExistsError:
            pass
        target = paths.open_plain(dev, "console", O_PATH)
        try:
            clone = mounts.open_tree("", directory=slave)
            try:
                mounts.move_mount(clone, target, path="/dev/console")
            finally:
                os.close(clone)
        finally:
            os.close(target)
    finally:
        os.close(dev)
