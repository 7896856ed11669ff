"""Removing what a container wrote: a tree made by somebody hostile, of any depth and size."""

from __future__ import annotations

import os
from collections.abc import Iterator

_LOOK = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_STAGE = "stage"


def empty(trash: str, name: str) -> None:
    """Remove `trash/name`. Others may do the same at once; links are never followed.

    Each directory found is moved up to one level below the top before it is emptied, so that
    neither depth nor long paths cost anything.
    """
    try:
        top = os.open(f"{trash}/{name}", _LOOK)
    except FileNotFoundError:
        return
    try:
        _flatten(top)
    finally:
        os.close(top)
    _gone(os.rmdir, f"{trash}/{name}")


def _flatten(top: int) -> None:
    while (names := list(_entries(top))) != []:
        for name in names:
            _remove_entry(top, name)


def _remove_entry(top: int, name: str) -> None:
    if _gone(os.unlink, name, dir_fd=top):
        return
    try:
        directory = os.open(name, _LOOK, dir_fd=top)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        for inner in _entries(directory):
            if not _gone(os.unlink, inner, dir_fd=directory):
                _move_up(directory, inner, top)
    finally:
        os.close(directory)
    try:
        _gone(os.rmdir, name, dir_fd=top)
    except OSError:  # the listing missed something: the next round finds it
        return


def _move_up(directory: int, name: str, top: int) -> None:
    aside = f"{_STAGE}-{os.urandom(8).hex()}"
    try:
        os.rename(name, aside, src_dir_fd=directory, dst_dir_fd=top)
    except FileNotFoundError:
        return


def _entries(directory: int) -> Iterator[str]:
    with os.scandir(directory) as entries:
        for entry in entries:
            yield entry.name


def _gone(remove: object, name: str, **where: int) -> bool:
    """Remove an entry; say whether it is gone. False: it is a directory (EISDIR, EPERM)."""
    try:
        remove(name, **where)  # type: ignore[operator]
    except FileNotFoundError:
        return True
    except (IsADirectoryError, PermissionError):
        return False
    return True
