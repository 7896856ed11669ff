"""Files that are whole or absent: after a crash of the writer, and where asked of the machine."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.errors import Exhausted, KernelRefused

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
_DRAFT = re.compile(r"\.([0-9]+)-[0-9a-f]{8}\.new$")


def is_full(error: OSError) -> bool:
    """Say whether there was no room for what was written: the disk or a quota is used up."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def told() -> Iterator[None]:
    """Let an OSError from inside leave as Exhausted where the disk is full, else KernelRefused."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            where = f" at {error.filename}" if error.filename else ""
            raise Exhausted(f"the disk is full{where}: make room and ask again") from None
        raise KernelRefused("write", error.errno or 0, str(error.filename or "")) from None


def write_new(path: str, content: bytes, *, sync: bool) -> None:
    """Write a file in place; for names that nobody reads yet. Raises OSError."""
    fd = os.open(path, _NEW, 0o600)
    try:
        _write_all(fd, content)
        if sync:
            os.fsync(fd)
    finally:
        os.close(fd)


def replace(path: str, content: bytes) -> None:
    """Put `content` at `path` by rename: a reader sees the old file or the new one (rename(2)).

    After a crash of the machine either may be there, or an empty file. Raises OSError.
    """
    _rename_in(path, content, sync=False)


def replace_durably(path: str, content: bytes) -> None:
    """As `replace`, and it outlives a crash of the machine once this returns (fsync(2))."""
    _rename_in(path, content, sync=True)
    sync_directory(os.path.dirname(path))


def add_durably(path: str, content: bytes) -> bool:
    """Put `content` at `path` unless something is there; say whether it was put (link(2)).

    Raises OSError, and then nothing was put.
    """
    draft = _draft(path)
    try:
        write_new(draft, content, sync=True)
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        _discard(draft)
    try:
        sync_directory(os.path.dirname(path))
    except OSError:
        _discard(path)
        raise
    return True


def sync(path: str) -> None:
    """Make a file that `replace` put there outlive a crash of the machine."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    sync_directory(os.path.dirname(path))


def abandoned(directory: str) -> list[str]:
    """Return the drafts in `directory` whose writers died before they were renamed.

    A writer whose number belongs to somebody else by now counts as alive.
    """
    found = (_DRAFT.search(name) for name in os.listdir(directory))
    return sorted(
        draft.string for draft in found if draft and not os.path.exists(f"/proc/{draft[1]}")
    )


def sync_directory(path: str) -> None:
    """Make the names in a directory outlive a crash of the machine."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read(path: str) -> bytes:
    """Return a whole file. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        size = os.fstat(fd).st_size
        content = os.read(fd, size + 1)
        while part := os.read(fd, 65_536):
            content += part
        return content
    finally:
        os.close(fd)


def _rename_in(path: str, content: bytes, *, sync: bool) -> None:
    draft = _draft(path)
    try:
        write_new(draft, content, sync=sync)
        os.rename(draft, path)
    except BaseException:
        _discard(draft)
        raise


def _draft(path: str) -> str:
    return f"{path}.{os.getpid()}-{os.urandom(4).hex()}.new"


def _discard(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def _write_all(fd: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(fd, rest) :]
