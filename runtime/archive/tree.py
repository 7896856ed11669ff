"""A directory tree that is being filled from hostile names, by descriptors only.

Every directory on the way is opened below its parent with O_NOFOLLOW, so a symlink is never
followed, wherever it leads; `..` does not exist here. The tree belongs to nobody else meanwhile.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections import OrderedDict

from runtime.archive.limits import MAX_COMPONENT, MAX_DEPTH, MAX_PATH
from runtime.errors import InvalidSpec

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_DIRECTORIES = 2 * MAX_DEPTH
"""Enough that opening one path never closes the directory that was asked for before it."""

_WHITEOUT = stat.S_IFCHR


def split_name(name: bytes) -> bytes:
    """Return the path that a member's name means below the root; empty is the root itself.

    An absolute name is taken as relative, `.` is passed over, `..` is refused with InvalidSpec.
    """
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if b".." in parts:
        raise InvalidSpec("archive", f"has '..' in the path {name[:200]!r}")
    if len(parts) > MAX_DEPTH:
        raise InvalidSpec("archive", f"has a path {len(parts)} deep, the limit is {MAX_DEPTH}")
    if any(len(part) > MAX_COMPONENT for part in parts):
        raise InvalidSpec("archive", f"has a name of more than {MAX_COMPONENT} bytes")
    path = b"/".join(parts)
    if len(path) > MAX_PATH:
        raise InvalidSpec("archive", f"has a path of more than {MAX_PATH} bytes")
    return path


class Tree:
    """The tree below `root`, a directory's descriptor that stays the caller's.

    `opaque` collects the directories that hide what the layers below have at their place, `times`
    the times that directories get at the end; both forget a directory that is removed.
    """

    def __init__(self, root: int) -> None:
        self.opaque: set[bytes] = set()
        self.times: dict[bytes, int] = {}
        self._root = root
        self._open: OrderedDict[bytes, int] = OrderedDict()

    def close(self) -> None:
        """Let go of all descriptors."""
        while self._open:
            os.close(self._open.popitem()[1])

    def parent(self, path: bytes) -> tuple[int, bytes]:
        """Return the directory that `path` is in, made where it lacks, and the last name."""
        above, _, name = path.rpartition(b"/")
        if not above:
            return self._root, name
        fd = self._open.get(above)
        if fd is None:
            fd = self._descend(above)
        else:
            self._open.move_to_end(above)
        return fd, name

    def directory(self, path: bytes) -> int:
        """Return the directory at `path`, which is there. Its descriptor stays the tree's."""
        return self.parent(path + b"/")[0] if path else self._root

    def clear(self, path: bytes) -> bool:
        """Remove whatever is at `path`; say whether it was a whiteout."""
        parent, name = self.parent(path)
        found = _look(parent, name)
        if found is None:
            return False
        if not stat.S_ISDIR(found.st_mode):
            os.unlink(name, dir_fd=parent)
            return stat.S_ISCHR(found.st_mode)
        self.close()
        below = path + b"/"
        for known in [*self.opaque, *self.times]:
            if known == path or known.startswith(below):
                self.opaque.discard(known)
                self.times.pop(known, None)
        parent, name = self.parent(path)
        shutil.rmtree(name, dir_fd=parent)
        return False

    def make_directory(self, path: bytes) -> int:
        """Return the directory at `path`, made if something else or nothing is there.

        A directory in place of a whiteout hides what the whiteout hid.
        """
        parent, name = self.parent(path)
        found = _look(parent, name)
        if found is None or not stat.S_ISDIR(found.st_mode):
            if self.clear(path):
                self.opaque.add(path)
            os.mkdir(name, 0o755, dir_fd=parent)
        return self.directory(path)

    def hide(self, path: bytes) -> None:
        """Hide what the layers below have at `path`; what this layer has there stays visible."""
        parent, name = self.parent(path)
        found = _look(parent, name)
        if found is None:
            os.mknod(name, _WHITEOUT, 0, dir_fd=parent)
        elif stat.S_ISDIR(found.st_mode):
            self.opaque.add(path)

    def existing(self, path: bytes) -> tuple[int, bytes]:
        """Return directory and last name of a member that must be there and is no directory.

        For hard links: a name that is missing, or only reached through a symlink, is refused.
        """
        parent, name = self.parent(path)
        found = _look(parent, name)
        if found is None or stat.S_ISDIR(found.st_mode):
            what = "a directory" if found else "a member that is not there"
            raise InvalidSpec("archive", f"has a hard link to {what}: {path[:200]!r}")
        return parent, name

    def _descend(self, path: bytes) -> int:
        fd = self._root
        walked = b""
        for name in path.split(b"/"):
            walked = walked + b"/" + name if walked else name
            known = self._open.get(walked)
            fd = known if known is not None else self._enter(fd, name, walked)
        return fd

    def _enter(self, parent: int, name: bytes, path: bytes) -> int:
        try:
            fd = os.open(name, _DIRECTORY, dir_fd=parent)
        except FileNotFoundError:
            os.mkdir(name, 0o755, dir_fd=parent)
            fd = os.open(name, _DIRECTORY, dir_fd=parent)
        except OSError:
            fd = self._enter_whiteout(parent, name, path)
        if len(self._open) >= _OPEN_DIRECTORIES:
            os.close(self._open.popitem(last=False)[1])
        self._open[path] = fd
        return fd

    def _enter_whiteout(self, parent: int, name: bytes, path: bytes) -> int:
        found = _look(parent, name)
        if found is None or not stat.S_ISCHR(found.st_mode):
            what = "the symlink" if found and stat.S_ISLNK(found.st_mode) else "the file"
            raise InvalidSpec("archive", f"has a member below {what} {path[:200]!r}")
        os.unlink(name, dir_fd=parent)
        os.mkdir(name, 0o755, dir_fd=parent)
        self.opaque.add(path)
        return os.open(name, _DIRECTORY, dir_fd=parent)


def _look(parent: int, name: bytes) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
