"""The file system that the guest's kernel starts with: busybox, modules, two scripts. Pure."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

INIT = Path(__file__).with_name("init.sh").read_text()
COVERED = ("/dev/shm", "/run", "/tmp", "/var/tmp")
"""What the guest has of its own, empty; what is shown below them is laid over it again."""


@dataclass(frozen=True, slots=True)
class Inode:
    """A file, directory or device node of an archive; `device` is its major and minor number."""

    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the guest runs: a command in a directory; `shown` must be seen as on this machine."""

    command: Sequence[str]
    environment: Mapping[str, str]
    directory: str
    shown: Sequence[str] = ()


def build(work: Work, *, busybox: bytes, modules: Sequence[tuple[str, bytes]]) -> bytes:
    """Return an initramfs that loads `modules`, in order, and does `work`."""
    inodes = {
        name: Inode(stat.S_IFDIR | 0o755)
        for name in ("bin", "dev", "host", "modules", "new", "proc", "sys", "upper")
    }
    inodes["dev/console"] = Inode(stat.S_IFCHR | 0o600, device=(5, 1))
    inodes["bin/busybox"] = Inode(stat.S_IFREG | 0o755, busybox)
    inodes["init"] = Inode(stat.S_IFREG | 0o755, INIT.encode())
    inodes["work"] = Inode(stat.S_IFREG | 0o755, script(work).encode())
    inodes["shown"] = Inode(stat.S_IFREG | 0o644, _lines(covered(work.shown)))
    inodes["modules/order"] = Inode(stat.S_IFREG | 0o644, _lines([name for name, _ in modules]))
    for name, content in modules:
        inodes[f"modules/{name}"] = Inode(stat.S_IFREG | 0o644, content)
    return archive(inodes)


def covered(paths: Sequence[str]) -> list[str]:
    """Return those of `paths` that the guest's own file systems would hide."""
    tops = tuple(f"{top}/" for top in COVERED)
    return sorted({path for path in paths if f"{path}/".startswith(tops)})


def script(work: Work) -> str:
    """Return what runs as the guest's first process once the tree is there.

    Its last words, `end`, say that the report before them is whole.
    """
    assigned = [f"{name}={value}" for name, value in sorted(work.environment.items())]
    command = shlex.join(["env", "-i", *assigned, *work.command])
    return f"""#!/bin/sh
cd {shlex.quote(work.directory)} || exit
{command} > /run/guest/output 2>&1 < /dev/null
{{ echo "exit $?"; cat /run/guest/report.xml; echo; echo end; }} > /run/guest/results
while :; do sleep 60; done
"""


def archive(inodes: Mapping[str, Inode]) -> bytes:
    """Return a cpio archive in the format `newc` (Documentation/driver-api/early-userspace)."""
    parts = [_entry(number, name, inode) for number, (name, inode) in enumerate(inodes.items(), 1)]
    return b"".join([*parts, _entry(0, "TRAILER!!!", Inode(0))])


def _entry(number: int, name: str, inode: Inode) -> bytes:
    named = name.encode() + b"\0"
    major, minor = inode.device
    fields = (
        number, inode.mode, 0, 0, 1, 0, len(inode.content), 0, 0, major, minor, len(named), 0,
    )  # fmt: skip
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(header + named) + _padded(inode.content)


def _padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % 4)


def _lines(names: Sequence[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()
