"""Installs the few system packages that are needed, where apt is there. Standard library only."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/apt/lists/lock")
PATIENCE_SECONDS = 600


class PackagesMissing(Exception):
    """Packages are missing and cannot be installed from here; the message names them."""


@dataclass(frozen=True, slots=True)
class SystemPackage:
    """A package by Debian's name, and where to look whether it is needed at all.

    One of `paths` (glob patterns) is enough; no paths means it is always asked for. `static` asks
    for a file that needs no dynamic loader, since it will run where there are no libraries.
    """

    name: str
    paths: tuple[str, ...]
    static: bool = False

    def is_there(self) -> bool:
        """Tell whether what the package brings is on this machine, however it got there."""
        found = (path for pattern in self.paths for path in glob.glob(pattern))
        return any(not (self.static and _asks_for_a_loader(path)) for path in found)


def install_missing(packages: tuple[SystemPackage, ...], *, say: Callable[[str], None]) -> None:
    """Install those of `packages` that are not there; raise PackagesMissing where that fails."""
    names = [package.name for package in packages if not package.is_there()]
    if not names:
        return
    listed = " ".join(names)
    if shutil.which("apt-get") is None:
        raise PackagesMissing(f"These packages are missing and there is no apt-get here: {listed}.")
    say(f"installing with apt-get: {listed}")
    wait_for_locks(LOCKS, say=say)
    _apt("update")
    _apt("install", "--yes", "--no-install-recommends", *names)


def wait_for_locks(
    paths: tuple[str, ...],
    *,
    say: Callable[[str], None],
    patience_seconds: float = PATIENCE_SECONDS,
) -> None:
    """Return when no other package manager holds one of `paths`, or patience ends (apt-get(8))."""
    deadline = time.monotonic() + patience_seconds
    told = False
    while any(_is_held(path) for path in paths) and time.monotonic() < deadline:
        if not told:
            say("waiting for another package manager to finish")
            told = True
        time.sleep(0.2)


def _apt(*words: str) -> None:
    command = ["apt-get", "-q", "-o", f"DPkg::Lock::Timeout={PATIENCE_SECONDS}", *words]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    ran = subprocess.run(
        command,
        env=quiet,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        last = (ran.stdout.strip().splitlines() or ["no output"])[-1]
        raise PackagesMissing(f"apt-get {' '.join(words)} failed: {last}")


def _is_held(path: str) -> bool:
    # dpkg and apt use fcntl(2) record locks, not flock(2).
    try:
        with Path(path).open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _asks_for_a_loader(path: str) -> bool:
    """Tell whether an ELF file names an interpreter (elf(5): PT_INTERP lies in the first page)."""
    with Path(path).open("rb") as file:
        return b"/ld-" in file.read(4096)
