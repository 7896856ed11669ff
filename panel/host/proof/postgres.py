"""A PostgreSQL server for the tests alone: own directory, Unix socket only, gone afterwards."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from panel.host.errors import HostRefused

START_SECONDS = 60.0
USERS = ("postgres", "nobody")
"""PostgreSQL refuses to run as root."""
UNSAFE_BUT_FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")


@contextlib.contextmanager
def private_server() -> Iterator[str]:
    """Run a server and yield its DATABASE_URL. Raises HostRefused where it does not start."""
    programs = _programs()
    user = _unprivileged()
    directory = tempfile.mkdtemp(prefix="mo-postgres-", dir="/var/tmp")
    try:
        os.chown(directory, user.pw_uid, user.pw_gid)
        os.chmod(directory, 0o755)  # noqa: S103  # the panel's user connects to the socket in it
        _initialise(programs, directory, user)
        with _running(programs, directory, user):
            yield f"postgresql://moorage@/moorage?host={directory}"
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _programs() -> str:
    found = sorted(
        glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: int(path.split("/")[4])
    )
    if found:
        return os.path.dirname(found[-1])
    installed = shutil.which("initdb")
    if installed is None:
        raise HostRefused("PostgreSQL is not installed, and the tests run on it too")
    return os.path.dirname(installed)


def _unprivileged() -> pwd.struct_passwd:
    for name in USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise HostRefused("there is no user nobody to run PostgreSQL as")


def _initialise(programs: str, directory: str, user: pwd.struct_passwd) -> None:
    options = ["--username=moorage", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    ran = subprocess.run(
        [f"{programs}/initdb", f"--pgdata={directory}/data", *options],
        **_as(user, directory),
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise HostRefused(f"initdb failed: {(ran.stderr.strip().splitlines() or ['?'])[-1]}")


@contextlib.contextmanager
def _running(programs: str, directory: str, user: pwd.struct_passwd) -> Iterator[None]:
    settings = [word for setting in UNSAFE_BUT_FAST for word in ("-c", setting)]
    words = ["-D", f"{directory}/data", "-k", directory, "-h", "", *settings]
    with open(f"{directory}/log", "wb") as log:
        server = subprocess.Popen(
            [f"{programs}/postgres", *words], **_as(user, directory), stdout=log, stderr=log
        )
    try:
        _wait_until_ready(programs, directory, server)
        subprocess.run(
            [f"{programs}/createdb", "-h", directory, "-U", "moorage", "moorage"],
            **_as(user, directory),
            check=True,
        )
        yield
    finally:
        # SIGINT is its fast shutdown: it does not wait for its clients.
        server.send_signal(signal.SIGINT)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_until_ready(programs: str, directory: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    asking = [f"{programs}/pg_isready", "-q", "-h", directory]
    while subprocess.run(asking, check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            with open(f"{directory}/log", encoding="utf-8", errors="replace") as log:
                last = (log.read().strip().splitlines() or ["it said nothing"])[-1]
            raise HostRefused(f"PostgreSQL did not start: {last}")
        time.sleep(0.1)


def _as(user: pwd.struct_passwd, directory: str) -> dict[str, Any]:
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": directory}
