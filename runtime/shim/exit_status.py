"""How a process ended: from its parent's wait, or from the kernel's memory of it."""

from __future__ import annotations

import fcntl
import os
import struct

_PIDFD_GET_INFO = 0xC040FF0B
_INFO = struct.Struct("<QQ12I")
_EXIT = 1 << 3


def exit_code(status: int) -> int:
    """Return the exit code of a wait status; 128 and the number for a signal, as shells do."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def wait_status(pid: int) -> int | None:
    """Reap our own child that ended; None if it is not ours, or was reaped (waitpid(2))."""
    try:
        reaped, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return status if reaped == pid else None


def remembered_status(pidfd: int) -> int | None:
    """Return the wait status of an ended process that somebody else reaped.

    Linux 6.15 and later know it as long as the pidfd is open (PIDFD_GET_INFO); None elsewhere.
    """
    buffer = bytearray(_INFO.size)
    _INFO.pack_into(buffer, 0, _EXIT, 0, *[0] * 12)
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, buffer)
    except OSError:
        return None
    fields = _INFO.unpack(buffer)
    return fields[13] if fields[0] & _EXIT else None
