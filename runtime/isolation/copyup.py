"""Copying what a new filesystem is going to cover into it, by descriptors.

Links are copied and never followed, whatever a tree holds; what is put in place of a file while it
is looked at is passed over.
"""

from __future__ import annotations

import errno
import os
import stat

from runtime.errors import KernelRefused

_CHUNK = 1 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_CAPABILITY = "security.capability"


def copy_up(source: int, target: int, *, top: bool) -> None:
    """Copy all that is in directory `source` into the empty directory `target`; both stay open.

    Owners, modes, times and file capabilities are kept, those of the directory itself if `top`.
    Sockets are left out. Raises KernelRefused, where the target has no room for instance.
    """
    name = ""
    try:
        old = os.open(".", _DIRECTORY, dir_fd=source)
        try:
            new = os.open(".", _DIRECTORY, dir_fd=target)
            try:
                for name in sorted(os.listdir(old)):
                    _copy(old, new, name)
                if top:
                    _dress(new, os.fstat(old))
            finally:
                os.close(new)
        finally:
            os.close(old)
    except OSError as error:
        raise KernelRefused("copy", error.errno or errno.EIO, f"{name} (tmpcopyup)") from None


def _copy(old: int, new: int, name: str) -> None:
    about = os.stat(name, dir_fd=old, follow_symlinks=False)
    if stat.S_ISDIR(about.st_mode):
        _copy_directory(old, new, name)
    elif stat.S_ISREG(about.st_mode):
        _copy_file(old, new, name)
    elif stat.S_ISLNK(about.st_mode):
        os.symlink(os.readlink(name, dir_fd=old), name, dir_fd=new)
        os.chown(name, about.st_uid, about.st_gid, dir_fd=new, follow_symlinks=False)
    elif not stat.S_ISSOCK(about.st_mode):
        os.mknod(name, about.st_mode, about.st_rdev, dir_fd=new)
        os.chown(name, about.st_uid, about.st_gid, dir_fd=new, follow_symlinks=False)
        os.chmod(name, stat.S_IMODE(about.st_mode), dir_fd=new)


def _copy_directory(old: int, new: int, name: str) -> None:
    inside = os.open(name, _DIRECTORY, dir_fd=old)
    try:
        os.mkdir(name, 0o700, dir_fd=new)
        made = os.open(name, _DIRECTORY, dir_fd=new)
        try:
            for entry in sorted(os.listdir(inside)):
                _copy(inside, made, entry)
            _dress(made, os.fstat(inside))
        finally:
            os.close(made)
    finally:
        os.close(inside)


def _copy_file(old: int, new: int, name: str) -> None:
    opened = os.open(name, _FILE, dir_fd=old)
    try:
        about = os.fstat(opened)
        if not stat.S_ISREG(about.st_mode):
            return
        made = os.open(name, _NEW_FILE, 0o600, dir_fd=new)
        try:
            while os.sendfile(made, opened, None, _CHUNK):
                pass
            _dress(made, about)
            powers = _capability(opened)
            if powers:
                os.setxattr(made, _CAPABILITY, powers)
        finally:
            os.close(made)
    finally:
        os.close(opened)


def _capability(opened: int) -> bytes:
    """Return the capabilities of a file, nothing where it has none, or cannot have any."""
    try:
        return os.getxattr(opened, _CAPABILITY)
    except OSError:
        return b""


def _dress(made: int, about: os.stat_result) -> None:
    """Give what was made its owner, then its mode, which a change of the owner may reduce."""
    os.fchown(made, about.st_uid, about.st_gid)
    os.fchmod(made, stat.S_IMODE(about.st_mode))
    os.utime(made, ns=(about.st_atime_ns, about.st_mtime_ns))
