"""Finding what args[0] names inside the container, and refusing what must not be executed."""

from __future__ import annotations

import errno
import os
import posixpath
import stat

from runtime.errors import InvalidSpec, KernelRefused
from runtime.kernel import paths

_HEAD = 256
"""The kernel looks no further for a `#!` line (BINPRM_BUF_SIZE)."""


def find(root: int, cwd: int, name: str, search: str) -> str:
    """Return the path to execute for `name`, searched in the PATH text `search`.

    `root` and `cwd` are descriptors; nothing outside `root` is found and no magic link is
    followed: `/proc/self/exe` would be the engine's own interpreter. Raises
    InvalidSpec("command", ...) with the reason of execve(2).
    """
    if "/" in name:
        start = root if name.startswith("/") else cwd
        refusal = _try(start, root, name, name)
        if refusal is not None:
            raise refusal
        return name
    first: InvalidSpec | None = None
    for directory in search.split(":"):
        path = posixpath.join(directory or ".", name)
        refusal = _try(root if path.startswith("/") else cwd, root, path, name)
        if refusal is None:
            return path
        if first is None and not refusal.reason.endswith("no such file or directory"):
            first = refusal
    raise first or refused(name, errno.ENOENT)


def refused(name: str, number: int) -> InvalidSpec:
    """Return the error for a command that execve(2) refuses with `number`."""
    return InvalidSpec("command", f"{name}: {os.strerror(number).lower()}")


def _try(start: int, root: int, path: str, name: str) -> InvalidSpec | None:
    try:
        found = paths.open_in_root(start, path)
    except KernelRefused as fault:
        return refused(name, fault.errno)
    try:
        mode = os.fstat(found).st_mode
        if not stat.S_ISREG(mode) or not mode & 0o111:
            return refused(name, errno.EACCES)
    finally:
        os.close(found)
    return _check_interpreter(start, root, path, name)


def _check_interpreter(start: int, root: int, path: str, name: str) -> InvalidSpec | None:
    try:
        opened = paths.open_in_root(start, path, os.O_RDONLY | os.O_NONBLOCK)
    except KernelRefused:
        return None
    try:
        head = os.read(opened, _HEAD)
    except OSError:
        return None
    finally:
        os.close(opened)
    words = head[2:].split(b"\n", 1)[0].split() if head.startswith(b"#!") else []
    if not words:
        return None
    try:
        os.close(paths.open_in_root(root, os.fsdecode(words[0])))
    except KernelRefused as fault:
        return refused(name, fault.errno)
    return None
