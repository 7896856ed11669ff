"""Making filesystems without a path: fsopen(2), fsconfig(2), fsmount(2)."""

from __future__ import annotations

import os

from runtime.abi import (
    FSCONFIG_CMD_CREATE,
    FSCONFIG_SET_FD,
    FSCONFIG_SET_FLAG,
    FSCONFIG_SET_STRING,
    FSMOUNT_CLOEXEC,
    FSOPEN_CLOEXEC,
)
from runtime.kernel.libc import call


def fsopen(fstype: str) -> int:
    """Begin to configure a filesystem; returns a close-on-exec descriptor. See fsopen(2)."""
    return call("fsopen", os.fsencode(fstype), FSOPEN_CLOEXEC, path=fstype)


def set_flag(context: int, key: str) -> None:
    """Set an option that has no value. See FSCONFIG_SET_FLAG."""
    call("fsconfig", context, FSCONFIG_SET_FLAG, os.fsencode(key), None, 0, path=key)


def set_string(context: int, key: str, value: str) -> None:
    """Set an option. See FSCONFIG_SET_STRING."""
    encoded = os.fsencode(value)
    call("fsconfig", context, FSCONFIG_SET_STRING, os.fsencode(key), encoded, 0, path=key)


def set_descriptor(context: int, key: str, descriptor: int) -> None:
    """Set an option whose value is an open file. See FSCONFIG_SET_FD."""
    call("fsconfig", context, FSCONFIG_SET_FD, os.fsencode(key), None, descriptor, path=key)


def create(context: int, *, name: str = "") -> None:
    """Make the superblock. See FSCONFIG_CMD_CREATE. `name` is only told in the error."""
    call("fsconfig", context, FSCONFIG_CMD_CREATE, None, None, 0, path=name)


def fsmount(context: int, attributes: int) -> int:
    """Return a detached, close-on-exec mount of the filesystem. See fsmount(2)."""
    return call("fsmount", context, FSMOUNT_CLOEXEC, attributes)
