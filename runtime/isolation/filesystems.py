"""Making one planned filesystem, attached nowhere yet."""

from __future__ import annotations

import os

from runtime.isolation.plan import Filesystem
from runtime.kernel import fsopen


def make(filesystem: Filesystem, id_base: int) -> int:
    """Return the detached mount of `filesystem`. Raises KernelRefused."""
    context = fsopen.fsopen(filesystem.fstype)
    try:
        for key, value in filesystem.options:
            if value:
                fsopen.set_string(context, key, value)
            else:
                fsopen.set_flag(context, key)
        fsopen.create(context, name=filesystem.fstype)
        mount = fsopen.fsmount(context, filesystem.attributes)
    finally:
        os.close(context)
    if filesystem.owned:
        os.chown(".", id_base, id_base, dir_fd=mount)
    if filesystem.fstype == "devpts":
        os.chown("ptmx", id_base, id_base, dir_fd=mount)
    return mount
