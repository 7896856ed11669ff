"""The two roots of an instance: their directories with exact modes, and their secrets."""

from __future__ import annotations

import os
import pwd
import secrets
from dataclasses import dataclass
from pathlib import Path

from panel.host.errors import HostRefused
from panel.settings.environment import node_name_file

SERVICE_USER = "moorage"
SOCKET_PATH_LIMIT = 107
"""Longest path of a Unix socket in bytes (unix(7)); the longest name under the run root is 46."""
LONGEST_SOCKET_NAME = len("/engine/c/") + 32 + len("/s")


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory that has to be there; `owner` and `group` are "root" or "service"."""

    path: str
    mode: int
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True, slots=True)
class Roots:
    """Where everything of one instance is."""

    data: str
    run: str

    @classmethod
    def configured(cls) -> Roots:
        """Return the roots that the settings name."""
        from django.conf import settings

        return cls(settings.DATA_ROOT, settings.RUN_ROOT)

    @property
    def secrets(self) -> str:
        """What only root and the web process may read."""
        return f"{self.data}/secrets"

    @property
    def backups(self) -> str:
        """Copies of the database that were made before migrations; root only."""
        return f"{self.data}/backups"

    @property
    def valkey_socket(self) -> str:
        """Where the embedded Valkey listens."""
        return f"{self.run}/valkey/valkey.sock"

    @property
    def supervisor_record(self) -> str:
        """Who serves this data root and which children belong to it; root only."""
        return f"{self.run}/supervisor.json"

    @property
    def lock(self) -> str:
        """The file whose flock(2) says that this data root is served."""
        return f"{self.data}/serving.lock"

    def directories(self) -> tuple[Directory, ...]:
        """Return every directory that has to be there, parents first."""
        return (
            Directory(self.data, 0o711),
            Directory(f"{self.data}/engine", 0o700),
            Directory(f"{self.data}/panel", 0o700, "service", "service"),
            Directory(self.secrets, 0o750, "root", "service"),
            Directory(self.backups, 0o700),
            Directory(f"{self.data}/valkey", 0o700),
            Directory(self.run, 0o711),
            Directory(f"{self.run}/engine", 0o700),
            Directory(f"{self.run}/agent", 0o750, "root", "service"),
            Directory(f"{self.run}/valkey", 0o750, "root", "service"),
            Directory(f"{self.run}/web", 0o755),
        )


def make_directories(roots: Roots) -> None:
    """Make every directory of `roots`, or put owner and mode of one that is there right.

    Raises HostRefused where the service user could not get through to the roots.
    """
    longest = len(os.fsencode(roots.run)) + LONGEST_SOCKET_NAME
    if longest > SOCKET_PATH_LIMIT:
        raise HostRefused(f"the run root {roots.run} is too long for the sockets under it")
    for directory in roots.directories():
        os.makedirs(directory.path, mode=0o755, exist_ok=True)
        os.chown(directory.path, _uid(directory.owner), _gid(directory.group))
        os.chmod(directory.path, directory.mode)
    for root in (roots.data, roots.run):
        closed = next((str(path) for path in Path(root).parents if not _is_open(path)), None)
        if closed:
            raise HostRefused(f"{root} cannot be used: only root gets through {closed}")


def make_secrets(roots: Roots) -> None:
    """Make the secrets that are missing; those that are there never change."""
    path = f"{roots.secrets}/secret_key"
    if not os.path.exists(path):
        write_secret(path, secrets.token_urlsafe(48).encode("ascii"))


def keep_node_name(roots: Roots, name: str) -> None:
    """Keep the node's name from the first start on, whatever the host is called later."""
    path = node_name_file(roots.data)
    if os.path.exists(path):
        return
    with open(f"{path}.new", "w", encoding="utf-8", opener=_private) as file:
        file.write(f"{name}\n")
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{path}.new", path)


def write_secret(path: str, content: bytes) -> None:
    """Write a file that root owns and the service user may read, all or nothing."""
    aside = f"{path}.new"
    with open(aside, "wb", opener=_private) as file:
        os.fchown(file.fileno(), 0, _gid("service"))
        os.fchmod(file.fileno(), 0o640)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(aside, path)


def service_ids() -> tuple[int, int]:
    """Return user and group id of the service user. Raises HostRefused where there is none."""
    return _uid("service"), _gid("service")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o001)


def _uid(who: str) -> int:
    return 0 if who == "root" else _service().pw_uid


def _gid(who: str) -> int:
    return 0 if who == "root" else _service().pw_gid


def _service() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SERVICE_USER)
    except KeyError:
        raise HostRefused(f"there is no user {SERVICE_USER}; `manage.py up` makes it") from None
