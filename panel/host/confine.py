"""Takes every right from a child that needs none, and shows it only what it works with.

Runs in a child of the supervisor, as root, between fork and exec.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from panel.host.code import CODE
from panel.host.roots import Roots
from runtime.abi import (
    CLONE_NEWNS,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MS_SLAVE,
    O_PATH,
)
from runtime.kernel import fsopen, mounts, namespaces, prctl

SHOWN = (*CODE, ".venv")
"""What the web process needs of a checkout."""
LAST_CAPABILITY = "/proc/sys/kernel/cap_last_cap"
HARMLESS = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV


@dataclass(frozen=True, slots=True)
class WebView:
    """Where the web process finds its code, and what it must not find."""

    checkout: Path
    roots: Roots

    @property
    def code(self) -> str:
        """The neutral path of the checkout inside."""
        return f"{self.roots.run}/web/app"

    @property
    def python(self) -> str:
        """The interpreter inside."""
        return f"{self.code}/.venv/bin/python3"

    @property
    def hidden(self) -> tuple[str, ...]:
        """Directories that only root works with."""
        data, run = self.roots.data, self.roots.run
        return (f"{data}/engine", f"{data}/valkey", self.roots.backups, f"{run}/engine")

    def enter(self) -> None:
        """Leave for a mount namespace where the code is read-only and the engine is not there.

        A checkout under /root is out of reach for other users, and so is a Python that was built
        there: the nearest closed directory above it is covered by an empty one with only it inside.
        """
        namespaces.unshare(CLONE_NEWNS)
        mounts.set_propagation("/", MS_SLAVE)
        shown = [(name, _clone(self.checkout / name)) for name in SHOWN]
        interpreter = Path(sys.base_prefix).resolve()
        closed = _topmost_closed(interpreter)
        if closed is not None:
            behind = _clone(interpreter)
            _cover(str(closed), 0o755)
            _attach(behind, str(interpreter))
            _seal(str(closed))
        _cover(f"{self.roots.run}/web", 0o755)
        for name, mount in shown:
            _attach(mount, f"{self.code}/{name}")
        _seal(f"{self.roots.run}/web")
        for path in self.hidden:
            _cover(path, 0)
        os.chdir(self.code)


def become(user: int, group: int) -> None:
    """Become a user without any capability, for good: no way back through exec either."""
    _empty_bounding_set()
    prctl.set_no_new_privileges()
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)


def stay_root_without_rights(group: int) -> None:
    """Stay user 0 with another group, but lose all capabilities with the next exec."""
    _empty_bounding_set()
    prctl.set_no_new_privileges()
    os.setgroups([])
    os.setresgid(group, group, group)


def _empty_bounding_set() -> None:
    with open(LAST_CAPABILITY, encoding="ascii") as file:
        last = int(file.read())
    for capability in range(last + 1):
        prctl.drop_from_bounding_set(capability)


def _topmost_closed(path: Path) -> Path | None:
    """Return the highest directory above `path`, or itself, that other users cannot enter."""
    way = [*reversed(path.parents), path]
    return next((part for part in way if not part.stat().st_mode & 0o001), None)


def _clone(path: Path) -> int:
    mount = mounts.open_tree(str(path))
    mounts.mount_setattr(mount, add=HARMLESS | MOUNT_ATTR_RDONLY)
    return mount


def _cover(path: str, mode: int) -> None:
    """Put an empty filesystem over `path`; nothing can be written to it later by others."""
    context = fsopen.fsopen("tmpfs")
    fsopen.set_string(context, "size", "1m")
    fsopen.set_string(context, "mode", f"{mode:o}")
    fsopen.create(context, name=path)
    _attach(fsopen.fsmount(context, HARMLESS), path)
    os.close(context)


def _attach(mount: int, path: str) -> None:
    os.makedirs(path, mode=0o755, exist_ok=True)
    target = os.open(path, O_PATH | os.O_CLOEXEC)
    mounts.move_mount(mount, target, path=path)
    os.close(target)
    os.close(mount)


def _seal(path: str) -> None:
    top = os.open(path, O_PATH | os.O_CLOEXEC)
    mounts.mount_setattr(top, add=MOUNT_ATTR_RDONLY)
    os.close(top)
