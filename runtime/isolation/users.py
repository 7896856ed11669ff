"""From a USER text to ids, by the image's own /etc/passwd and /etc/group. Never by NSS."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace

from runtime.config import ID_RANGE_SIZE
from runtime.errors import InvalidSpec, KernelRefused
from runtime.kernel import paths

_LARGEST_ID = 2**31 - 1
_LARGEST_FILE = 4 * 1024 * 1024
_MOST_GROUPS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a process is inside the container."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


def find(root: int, user: str, groups: tuple[str, ...] = ()) -> Identity:
    """Return who `user` is in the tree under descriptor `root`, in `groups` besides its own.

    Raises InvalidSpec("user", ...), InvalidSpec("process.groups_add", ...) and, for a file that
    cannot be read, InvalidSpec("image", ...).
    """
    passwd, group = _read(root, "etc/passwd"), _read(root, "etc/group")
    return with_groups(resolve(user, passwd, group), groups, group)


def home_of(root: int, uid: int) -> str:
    """Return the home directory of user `uid` in the tree under `root`, "/" where none is told."""
    try:
        return _find_user(str(uid), _read(root, "etc/passwd")).home or "/"
    except InvalidSpec:
        return "/"


def with_groups(identity: Identity, names: tuple[str, ...], group: str) -> Identity:
    """Return an identity that is also in the groups `names`, by the text of group(5). Pure."""
    if not names:
        return identity
    try:
        added = [_mapped(_find_group(name, group)) for name in names]
    except InvalidSpec as refused:
        raise InvalidSpec("process.groups_add", refused.reason) from None
    return replace(identity, groups=tuple(dict.fromkeys((*identity.groups, *added))))


def resolve(user: str, passwd: str, group: str) -> Identity:
    """Return who `name|uid[:name|gid]` is by the text of passwd(5) and group(5). Pure.

    Digits are always a number, whatever names the files have. With an explicit group there are no
    supplementary ones. The empty text is root.
    """
    name, colon, group_text = user.partition(":")
    if colon and not group_text:
        raise InvalidSpec("user", f"{user!r} names no group after the colon")
    if ":" in group_text:
        raise InvalidSpec("user", f"{user!r} has more than one colon")
    entry = _find_user(name or "0", passwd)
    if group_text:
        gid = _find_group(group_text, group)
        groups: tuple[int, ...] = ()
    else:
        gid, groups = entry.gid, _groups_of(entry.name, entry.gid, group)
    return Identity(uid=_mapped(entry.uid), gid=_mapped(gid), groups=groups, home=entry.home or "/")


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    uid: int
    gid: int
    home: str


def _find_user(text: str, passwd: str) -> _Entry:
    wanted = _number(text)
    for fields in _lines(passwd, 6):
        uid, gid = _number(fields[2], strict=False), _number(fields[3], strict=False)
        if uid is None or gid is None:
            continue
        if uid == wanted if wanted is not None else fields[0] == text:
            return _Entry(fields[0], uid, gid, fields[5])
    if wanted is None:
        raise InvalidSpec("user", f"{text!r} is not in the image's /etc/passwd")
    return _Entry("", wanted, 0, "")


def _find_group(text: str, group: str) -> int:
    wanted = _number(text)
    if wanted is not None:
        return wanted
    for fields in _lines(group, 3):
        gid = _number(fields[2], strict=False)
        if fields[0] == text and gid is not None:
            return gid
    raise InvalidSpec("user", f"group {text!r} is not in the image's /etc/group")


def _groups_of(name: str, own: int, group: str) -> tuple[int, ...]:
    found = {own: None}
    for fields in _lines(group, 4) if name else ():
        gid = _number(fields[2], strict=False)
        if name in fields[3].split(",") and gid is not None and gid < ID_RANGE_SIZE:
            found[gid] = None
    if len(found) > _MOST_GROUPS:
        raise InvalidSpec("user", f"{name!r} is in more than {_MOST_GROUPS} groups")
    return tuple(found)


def _lines(text: str, least: int) -> Iterator[list[str]]:
    for line in text.split("\n"):
        fields = line.strip().split(":")
        if len(fields) >= least and fields[0] and fields[0][0] not in "#+-" and "\0" not in line:
            yield fields


def _number(text: str, *, strict: bool = True) -> int | None:
    """Return the id that `text` is, None if it is not all digits.

    Too large is InvalidSpec, or None in a line of a file that is not `strict`.
    """
    if not (text.isascii() and text.isdigit()):
        return None
    if len(text) <= 10 and int(text) <= _LARGEST_ID:
        return int(text)
    if strict:
        raise InvalidSpec("user", f"id {text[:32]} is larger than {_LARGEST_ID}")
    return None


def _mapped(identity: int) -> int:
    if identity >= ID_RANGE_SIZE:
        raise InvalidSpec("user", f"id {identity} is not one of a container's {ID_RANGE_SIZE} ids")
    return identity


def _read(root: int, path: str) -> str:
    """Return a file of the image, empty if there is none; only regular and not too large."""
    try:
        descriptor = paths.open_in_root(root, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except KernelRefused as refused:
        if refused.errno in (errno.ENOENT, errno.ENOTDIR):
            return ""
        raise InvalidSpec("image", f"/{path}: {os.strerror(refused.errno)}") from None
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST_FILE:
            raise InvalidSpec("image", f"/{path} is not a regular file of at most 4 MiB")
        data = b""
        while len(data) <= _LARGEST_FILE and (chunk := os.read(descriptor, _LARGEST_FILE)):
            data += chunk
    finally:
        os.close(descriptor)
    return data.decode("utf-8", "surrogateescape")
