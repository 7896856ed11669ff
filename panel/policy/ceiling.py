"""The node ceiling: a file that only root reads and writes, and that no database can raise."""

from __future__ import annotations

import os
import stat
import tomllib

from panel.policy.rules import Allowances, Ceiling
from runtime.errors import InvalidSpec

FILE_NAME = "ceiling.toml"
LARGEST = 1024 * 1024


def read(data_root: str, *, id_base: int) -> Ceiling:
    """Return what this node allows. No file is the strictest ceiling.

    A file that cannot be read, that others own or may write, or that does not parse allows
    nothing, and `fault` says why. Never raises.
    """
    path = f"{data_root}/{FILE_NAME}"
    try:
        text = _read_owned(path)
    except FileNotFoundError:
        return Ceiling(id_base=id_base)
    except (OSError, ValueError) as refused:
        return Ceiling(id_base=id_base, fault=f"the node's ceiling file is not usable: {refused}")
    try:
        allowances = Allowances.parse(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, InvalidSpec) as wrong:
        return Ceiling(id_base=id_base, fault=f"the node's ceiling file is wrong: {wrong}")
    return Ceiling(id_base=id_base, allowances=allowances)


def _read_owned(path: str) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(fd, "rb") as file:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode):
            raise ValueError(f"{path} is not a regular file")
        if facts.st_uid != 0:
            raise ValueError(f"{path} belongs to user {facts.st_uid}, not to root")
        if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise ValueError(f"{path} can be written by others than root")
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"{path} is larger than {LARGEST} bytes")
    return content.decode("utf-8")
