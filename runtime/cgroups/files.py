"""Reading and writing the control files of cgroups; errno becomes KernelRefused."""

from __future__ import annotations

import errno
import os

from runtime.errors import Conflict, KernelRefused


def read(path: str) -> str:
    """Return the text of a control file. Raises KernelRefused."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            chunks = []
            while chunk := os.read(descriptor, 65_536):
                chunks.append(chunk)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise KernelRefused("read", error.errno or 0, path) from None
    return b"".join(chunks).decode()


def write(path: str, value: str) -> None:
    """Write a control file in one call. Raises KernelRefused."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise KernelRefused("write", error.errno or 0, f"{path} ({value})") from None


def read_fields(path: str) -> dict[str, int]:
    """Return a control file of `key number` lines."""
    pairs = (line.split() for line in read(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}


def read_pids(directory: str) -> list[int]:
    """Return the processes in the group itself, as this process numbers them."""
    return [int(pid) for pid in read(f"{directory}/cgroup.procs").split()]


def make_directory(path: str) -> None:
    """Make one group. Raises Conflict if it is there already."""
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        raise Conflict(f"cgroup {path} exists already") from None
    except OSError as error:
        raise KernelRefused("mkdir", error.errno or 0, path) from None


def is_missing(refused: KernelRefused) -> bool:
    """Say whether a control file or group is not there."""
    return refused.errno in (errno.ENOENT, errno.ENODEV)
