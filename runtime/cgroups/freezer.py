"""Let the processes of one group stand still, and go on. On v1 and on v2.

See cgroup.freeze in Documentation/admin-guide/cgroup-v2.rst, and
Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst. A process that is killed while it is
frozen dies at once on v2, and only when its group is thawed on v1.
"""

from __future__ import annotations

import os
import time

from runtime.cgroups import files
from runtime.cgroups.layout import detect_all
from runtime.errors import Unavailable

FREEZE_SECONDS = 2.0
_PAUSE_SECONDS = 0.001


def freeze(directory: str, version: int) -> None:
    """Freeze a group and all below; return when everything stands still.

    Raises Unavailable where it does not within 2 seconds (a process sleeps in the kernel and
    cannot be woken); the group is thawed then. Raises KernelRefused.
    """
    deadline = time.monotonic() + FREEZE_SECONDS
    _ask(directory, version, frozen=True)
    while not is_frozen(directory, version):
        if time.monotonic() >= deadline:
            thaw(directory, version)
            raise Unavailable(
                f"a process of the container waits in the kernel: it did not freeze within"
                f" {FREEZE_SECONDS:g} seconds; nothing was changed"
            )
        time.sleep(_PAUSE_SECONDS)
        if version == 1:  # a group that forked meanwhile stays FREEZING until asked again
            _ask(directory, version, frozen=True)


def thaw(directory: str, version: int) -> None:
    """Let a group go on; harmless where it is not frozen. Raises KernelRefused."""
    _ask(directory, version, frozen=False)


def is_frozen(directory: str, version: int) -> bool:
    """Say whether everything in the group stands still. Raises KernelRefused."""
    if version == 2:
        return files.read_fields(f"{directory}/cgroup.events").get("frozen", 0) == 1
    return files.read(f"{directory}/freezer.state").strip() == "FROZEN"


def is_path_frozen(path: str) -> bool:
    """Say whether the group `path` stands still, wherever this host freezes. Raises KernelRefused.

    A group that is not there does not.
    """
    layout = detect_all()
    tree = layout.unified or layout.find("freezer")
    if tree is None or not os.path.isdir(f"{tree.mount}/{path}"):
        return False
    return is_frozen(f"{tree.mount}/{path}", tree.version)


def _ask(directory: str, version: int, *, frozen: bool) -> None:
    if version == 2:
        files.write(f"{directory}/cgroup.freeze", "1" if frozen else "0")
    else:
        files.write(f"{directory}/freezer.state", "FROZEN" if frozen else "THAWED")
