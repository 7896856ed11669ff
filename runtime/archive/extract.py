"""Unpack one layer into an empty directory (image-spec: layer.md).

What an archive may contain, and what becomes of it:
  files, directories, symlinks, fifos   made, with owner, mode (setuid kept), times, attributes
  hard links                            to a member that is there, not through a symlink
  whiteouts                             overlay's: a character device 0:0, or an opaque directory
  device nodes below /dev               left out and noted: a container has a /dev of its own
  device nodes elsewhere                refused
  attributes                            user.*, ACLs, security.capability; others left out, noted
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field

from runtime.archive.entry import Entry, Kind
from runtime.archive.limits import MAX_ID, Limits
from runtime.archive.reader import read_entries
from runtime.archive.stream import Stream
from runtime.archive.tree import Tree, split_name
from runtime.archive.whiteout import Mark, read_mark
from runtime.errors import Exhausted, InvalidSpec, KernelRefused, RuntimeFault

_ACLS = (b"system.posix_acl_access", b"system.posix_acl_default")
_CAPABILITY_V2 = 20
"""Bytes of a file capability that names no user namespace; others are bound to one of the machine
they come from (capabilities(7), "File capability extended attribute versioning")."""

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_NOTES = 20
_ENTRIES_PER_REPORT = 256


@dataclass(slots=True, kw_only=True)
class Unpacked:
    """What was unpacked. `size` is bytes of file content; `opaque` are directories (the empty
    path is the layer itself) that the caller marks `trusted.overlay.opaque`, which takes a
    privilege that the extraction does without. `notes` tell what was left out."""

    diff_id: str = ""
    size: int = 0
    inodes: int = 0
    highest_id: int = 0
    opaque: tuple[bytes, ...] = ()
    notes: list[str] = field(default_factory=list)


def extract(
    source: int, target: int, limits: Limits, report: Callable[[int], None] | None = None
) -> Unpacked:
    """Unpack the layer read from `source` into the directory `target`, both descriptors.

    `report` is told the compressed bytes read so far, now and then. Raises InvalidSpec("archive",
    ...), Exhausted, OSError; the directory is then half full and the caller's to remove.
    """
    tree = Tree(target)
    try:
        with Stream(source, limits) as stream:
            return _Extraction(stream, tree, limits, report or (lambda _: None)).run()
    finally:
        tree.close()


class _Extraction:
    def __init__(
        self, stream: Stream, tree: Tree, limits: Limits, report: Callable[[int], None]
    ) -> None:
        self._stream = stream
        self._tree = tree
        self._limits = limits
        self._report = report
        self._done = Unpacked()
        self._make: dict[Kind, Callable[[bytes, Entry], None]] = {
            Kind.FILE: self._file,
            Kind.DIRECTORY: self._directory,
            Kind.SYMLINK: self._symlink,
            Kind.HARD_LINK: self._hard_link,
            Kind.FIFO: self._fifo,
            Kind.CHARACTER: self._device,
            Kind.BLOCK: self._device,
        }

    def run(self) -> Unpacked:
        for number, entry in enumerate(read_entries(self._stream), 1):
            self._count(entry)
            try:
                self._add(entry)
            except OSError as error:
                raise _as_fault(error, entry) from error
            if number % _ENTRIES_PER_REPORT == 0:
                self._report(self._stream.consumed)
        self._set_directory_times()
        self._stream.finish()
        self._done.diff_id = self._stream.digest
        self._done.opaque = tuple(sorted(self._tree.opaque))
        return self._done

    def _count(self, entry: Entry) -> None:
        done = self._done
        done.inodes += 1
        if done.inodes > self._limits.inodes:
            raise Exhausted(f"the archive has more than {self._limits.inodes} members")
        done.size += entry.size
        if done.size > self._limits.unpacked:
            raise Exhausted(f"the archive unpacks to more than {self._limits.unpacked} bytes")
        if not (0 <= entry.uid <= MAX_ID and 0 <= entry.gid <= MAX_ID):
            raise InvalidSpec(
                "archive", f"{entry.name[:200]!r} has the owner {entry.uid}:{entry.gid}"
            )
        done.highest_id = max(done.highest_id, entry.uid, entry.gid)

    def _add(self, entry: Entry) -> None:
        path = split_name(entry.name)
        above, _, name = path.rpartition(b"/")
        mark, hidden = read_mark(name)
        if mark is Mark.PLAIN:
            self._make[entry.kind](path, entry)
            return
        if mark is Mark.OPAQUE:
            self._tree.directory(above)
            self._tree.opaque.add(above)
        elif mark is Mark.HIDE:
            self._tree.hide(above + b"/" + hidden if above else hidden)
        self._stream.skip(entry.size)

    def _file(self, path: bytes, entry: Entry) -> None:
        fd = self._new_file(path, entry)
        try:
            self._stream.copy(entry.size, lambda part: _write_all(fd, part))
            self._finish(fd, entry)
            os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))
        finally:
            os.close(fd)

    def _new_file(self, path: bytes, entry: Entry) -> int:
        _need_name(path, entry)
        parent, name = self._tree.parent(path)
        try:
            return os.open(name, _NEW_FILE, 0o600, dir_fd=parent)
        except FileExistsError:
            self._tree.clear(path)
        parent, name = self._tree.parent(path)
        return os.open(name, _NEW_FILE, 0o600, dir_fd=parent)

    def _directory(self, path: bytes, entry: Entry) -> None:
        self._finish(self._tree.make_directory(path) if path else self._root(), entry)
        self._tree.times[path] = entry.mtime_ns

    def _root(self) -> int:
        return self._tree.directory(b"")

    def _symlink(self, path: bytes, entry: Entry) -> None:
        _need_name(path, entry)
        if not entry.link:
            raise InvalidSpec("archive", f"{entry.name[:200]!r} is a symlink to nothing")
        self._tree.clear(path)
        parent, name = self._tree.parent(path)
        os.symlink(entry.link, name, dir_fd=parent)
        if entry.uid or entry.gid:
            os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
        times = (entry.mtime_ns, entry.mtime_ns)
        os.utime(name, ns=times, dir_fd=parent, follow_symlinks=False)

    def _hard_link(self, path: bytes, entry: Entry) -> None:
        _need_name(path, entry)
        original = split_name(entry.link)
        if original == path:
            raise InvalidSpec("archive", f"{entry.name[:200]!r} is a hard link to itself")
        self._tree.clear(path)
        source, old = self._tree.existing(original)
        parent, name = self._tree.parent(path)
        os.link(old, name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)

    def _fifo(self, path: bytes, entry: Entry) -> None:
        _need_name(path, entry)
        self._tree.clear(path)
        parent, name = self._tree.parent(path)
        os.mkfifo(name, 0o600, dir_fd=parent)
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name, flags, dir_fd=parent)
        try:
            self._finish(fd, entry)
            os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))
        finally:
            os.close(fd)

    def _device(self, path: bytes, entry: Entry) -> None:
        _need_name(path, entry)
        if entry.kind is Kind.CHARACTER and entry.device == (0, 0):
            self._tree.hide(path)
        elif path.startswith(b"dev/"):
            self._note(f"left out the device node {_shown(path)}: every container has its own /dev")
        else:
            raise InvalidSpec("archive", f"has the device node {path[:200]!r} outside of /dev")

    def _finish(self, fd: int, entry: Entry) -> None:
        """Owner first: a change of owner takes setuid bits and capabilities away (chown(2))."""
        os.fchown(fd, entry.uid, entry.gid)
        os.fchmod(fd, stat.S_IMODE(entry.mode))
        for key, value in entry.xattrs.items():
            if _is_kept(key, value):
                os.setxattr(fd, key, value)
            else:
                self._note(f"left out the attribute {_shown(key)} of {_shown(entry.name)}")

    def _set_directory_times(self) -> None:
        """At the end, since every new name in a directory changes its time."""
        for path, mtime_ns in self._tree.times.items():
            os.utime(self._tree.directory(path), ns=(mtime_ns, mtime_ns))

    def _note(self, text: str) -> None:
        if len(self._done.notes) < _MAX_NOTES:
            self._done.notes.append(text)


def _need_name(path: bytes, entry: Entry) -> None:
    if not path:
        raise InvalidSpec("archive", f"has a {entry.kind.name.lower()} in place of its root")


def _is_kept(key: bytes, value: bytes) -> bool:
    if key == b"security.capability":
        return len(value) == _CAPABILITY_V2
    return key in _ACLS or (key.startswith(b"user.") and not key.startswith(b"user.overlay."))


def _as_fault(error: OSError, entry: Entry) -> RuntimeFault:
    number = error.errno or 0
    if number in _DISK_FULL:
        return Exhausted(f"no room to unpack {_shown(entry.name)}: {os.strerror(number)}")
    return KernelRefused("unpack", number, _shown(entry.name))


def _write_all(fd: int, part: memoryview) -> None:
    while part:
        part = part[os.write(fd, part) :]


def _shown(name: bytes) -> str:
    return name[:200].decode("utf-8", "backslashreplace")
