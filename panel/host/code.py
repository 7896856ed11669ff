"""Lets the web process read the code that it is shown."""

from __future__ import annotations

import os
import stat
from pathlib import Path

CODE = ("panel", "runtime", "templates", "static")
"""The directories of a checkout that the web process works with."""


def make_readable(checkout: Path) -> None:
    """Give others the right to read the code, where a clone was made under a strict umask.

    What closes the checkout to them, a directory above it, stays closed; git ignores these bits.
    """
    for name in CODE:
        for directory, _, files in os.walk(checkout / name):
            _open(directory, 0o055)
            for file in files:
                _open(os.path.join(directory, file), 0o044)


def _open(path: str, needed: int) -> None:
    mode = os.lstat(path).st_mode
    if not stat.S_ISLNK(mode) and mode & needed != needed:
        os.chmod(path, stat.S_IMODE(mode) | needed)
