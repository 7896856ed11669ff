"""A PostgreSQL cluster of the tests' own: on a Unix socket, as an ordinary user, gone at exit."""

from __future__ import annotations

import atexit
import glob
import os
import pwd
import shutil
import subprocess
import tempfile

USERS = ("postgres", "nobody")


def start() -> str:
    """Start a cluster and return its DATABASE_URL. It refuses to run as root, so another does."""
    user = next(name for name in USERS if _exists(name))
    home = tempfile.mkdtemp(prefix="mo-pg-", dir="/tmp")
    os.chmod(home, 0o711)
    data = f"{home}/data"
    os.mkdir(data, 0o700)
    account = pwd.getpwnam(user)
    for path in (home, data):
        os.chown(path, account.pw_uid, account.pw_gid)
    programs = _programs()
    _as(user, f"{programs}/initdb", "-D", data, "-U", "moorage", "-A", "trust", "--no-sync")
    options = f"-c listen_addresses= -c unix_socket_directories={home} -c max_connections=100"
    _as(user, f"{programs}/pg_ctl", "-D", data, "-w", "-l", f"{home}/log", "-o", options, "start")
    atexit.register(_end, user, programs, data, home)
    return f"postgresql://moorage@/moorage?host={home}"


def _end(user: str, programs: str, data: str, home: str) -> None:
    _as(user, f"{programs}/pg_ctl", "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(home)


def _programs() -> str:
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    return found[-1] if found else os.path.dirname(shutil.which("postgres") or "")


def _as(user: str, *words: str) -> None:
    prefix = (
        "setpriv",
        f"--reuid={user}",
        f"--regid={pwd.getpwnam(user).pw_gid}",
        "--clear-groups",
    )
    command = prefix + words if os.geteuid() == 0 else words
    done = subprocess.run(  # noqa: PLW1510  # looked at below
        command, cwd="/", capture_output=True, text=True, timeout=120
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr or done.stdout}")


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
