"""Whole file systems: syncfs(2)."""

from __future__ import annotations

from runtime.kernel.libc import call


def syncfs(descriptor: int) -> None:
    """Write all changes of the file system that `descriptor` lies on to disk. See syncfs(2).

    It keeps the interpreter's lock while it waits: for processes without other work only.
    """
    call("syncfs", descriptor)
