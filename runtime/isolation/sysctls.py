"""Settings of /proc/sys that belong to a namespace of the caller: sysctl(8), namespaces(7)."""

from __future__ import annotations

import errno
import os

from runtime.errors import InvalidSpec, KernelRefused
from runtime.kernel.procfs import write_text

_NOT_AS_ROOT = (errno.EACCES, errno.EPERM)


def write(name: str, value: str, *, owner: int, field: str) -> None:
    """Set `name`, with dots or slashes; the procfs is still the host's.

    `owner` is the host's user of root inside: of an ipc namespace that is owned by another user
    namespace only that user may set anything (ipc_namespaces(7)). Raises InvalidSpec(`field`).
    """
    path = f"/proc/sys/{name if '/' in name else name.replace('.', '/')}"
    try:
        _write(path, value, owner)
    except KernelRefused as refused:
        reason = os.strerror(refused.errno).lower()
        raise InvalidSpec(field, f"{value!r}: {reason}") from None


def _write(path: str, value: str, owner: int) -> None:
    try:
        write_text(path, value)
        return
    except KernelRefused as refused:
        if refused.errno not in _NOT_AS_ROOT or not owner:
            raise
    # What the kernel compares is the effective user, not that of file systems (setfsuid(2)).
    os.seteuid(owner)
    try:
        write_text(path, value)
    finally:
        os.seteuid(0)
