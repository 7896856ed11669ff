"""The system user that the web process runs as."""

from __future__ import annotations

import pwd
import shutil
import subprocess

from panel.host.errors import HostRefused
from panel.host.roots import SERVICE_USER


def ensure_service_user() -> None:
    """Make the user `moorage` where it is missing: no home, no shell, no password."""
    try:
        pwd.getpwnam(SERVICE_USER)
    except KeyError:
        _make()


def _make() -> None:
    # useradd(8) comes with passwd, adduser(8) is what a slim or BusyBox system has.
    candidates = (
        ("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"),
        ("adduser", "-S", "-D", "-H", "-h", "/nonexistent"),
    )
    for program, *options in candidates:
        if not shutil.which(program):
            continue
        shell = ["--shell", "/usr/sbin/nologin"] if program == "useradd" else ["-s", "/bin/false"]
        made = subprocess.run(
            [program, *options, *shell, SERVICE_USER], capture_output=True, text=True, check=False
        )
        # 9: another command made it in the meantime (useradd(8)).
        if made.returncode in (0, 9):
            return
        raise HostRefused(f"{program} failed: {(made.stderr or made.stdout).strip()}")
    raise HostRefused(f"there is no user {SERVICE_USER} and neither useradd nor adduser to make it")
