"""Files of the kernel: short texts, read and written whole; errno becomes KernelRefused."""

from __future__ import annotations

import os

from runtime.errors import KernelRefused


def write_text(path: str, text: str) -> None:
    """Write `text` to a file of the kernel in one call. Raises KernelRefused."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise KernelRefused("write", error.errno or 0, path) from None


def open_namespaces(pid: int, *names: str) -> list[int]:
    """Return descriptors of the namespaces of process `pid`. See namespaces(7)."""
    opened: list[int] = []
    try:
        for name in names:
            opened.append(os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        for descriptor in opened:
            os.close(descriptor)
        raise KernelRefused("open", error.errno or 0, str(error.filename)) from None
    return opened
