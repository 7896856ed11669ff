"""One file with everything that cannot be made again: the database, the secrets, the ceiling.

Containers, images and volumes are the engine's and not in it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import time

from django.db import connections

from panel.host import database
from panel.host.errors import HostRefused
from panel.host.lock import ServingLock
from panel.host.roots import Roots, make_directories, service_ids, write_secret

FORMAT = 1
MANIFEST = "manifest.json"
DATABASE = "database"
SECRETS = ("secret_key", "tls_certificate.pem", "tls_key.pem")
CEILING = "ceiling.toml"
LARGEST_MEMBER = 64 * 1024**3


def back_up(roots: Roots, path: str) -> None:
    """Write the backup to `path`, readable by root only; nothing is stopped for it.

    Raises HostRefused where `path` exists.
    """
    try:
        target = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise HostRefused(f"{path} exists; a backup never replaces a file") from None
    try:
        with (
            os.fdopen(target, "wb") as file,
            tempfile.TemporaryDirectory(dir=roots.backups) as aside,
        ):
            copy = database.copy_database(f"{aside}/{DATABASE}")
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as archive:
                _add_manifest(archive, os.path.basename(copy))
                archive.add(copy, os.path.basename(copy))
                _add_files(archive, roots)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        os.unlink(path)
        raise


def restore(roots: Roots, path: str) -> None:
    """Put the backup in `path` in the place of what is there. Raises HostRefused.

    Refused while the data root is served. The database it replaces is kept among the backups.
    """
    make_directories(roots)
    lock = ServingLock.take(roots)
    try:
        with tempfile.TemporaryDirectory(dir=roots.backups) as scratch:
            name = _unpack(path, scratch)
            _restore_database(roots, f"{scratch}/{name}")
            for secret in SECRETS:
                if os.path.exists(f"{scratch}/{secret}"):
                    write_secret(f"{roots.secrets}/{secret}", _content(f"{scratch}/{secret}"))
            if os.path.exists(f"{scratch}/{CEILING}"):
                os.chmod(f"{scratch}/{CEILING}", 0o600)
                os.replace(f"{scratch}/{CEILING}", f"{roots.data}/{CEILING}")
    finally:
        lock.release()


def _add_manifest(archive: tarfile.TarFile, copy: str) -> None:
    manifest = {"format": FORMAT, "database": copy, "time": int(time.time())}
    content = json.dumps(manifest).encode()
    member = tarfile.TarInfo(MANIFEST)
    member.size, member.mode, member.mtime = len(content), 0o600, int(time.time())
    archive.addfile(member, io.BytesIO(content))


def _add_files(archive: tarfile.TarFile, roots: Roots) -> None:
    places = [f"{roots.secrets}/{name}" for name in SECRETS] + [f"{roots.data}/{CEILING}"]
    for place in places:
        if os.path.exists(place):
            archive.add(place, os.path.basename(place), recursive=False)


def _unpack(path: str, scratch: str) -> str:
    """Unpack the members that a backup has, and no others; return the database's name."""
    known = {MANIFEST, CEILING, *SECRETS, f"{DATABASE}{database.SQLITE_SUFFIX}"}
    known.add(f"{DATABASE}{database.DUMP_SUFFIX}")
    try:
        with tarfile.open(path, mode="r:gz") as archive:
            for member in archive:
                if member.name not in known or not member.isreg() or member.size > LARGEST_MEMBER:
                    raise HostRefused(f"{path} is no backup: it holds {member.name!r}")
                source = archive.extractfile(member)
                assert source is not None
                with open(f"{scratch}/{member.name}", "wb") as file:
                    shutil.copyfileobj(source, file)
        manifest = json.loads(_content(f"{scratch}/{MANIFEST}"))
    except (OSError, tarfile.TarError, ValueError, EOFError) as broken:
        raise HostRefused(f"{path} cannot be read as a backup: {broken}") from None
    if manifest.get("format") != FORMAT or manifest.get("database") not in known:
        raise HostRefused(f"{path} is of a newer Moorage: format {manifest.get('format')!r}")
    return str(manifest["database"])


def _restore_database(roots: Roots, copy: str) -> None:
    of_sqlite = copy.endswith(database.SQLITE_SUFFIX)
    if of_sqlite != database.is_sqlite():
        raise HostRefused("the backup is of the other kind of database than the configured one")
    connections.close_all()
    if not of_sqlite:
        options = ("--clean", "--if-exists", "--no-owner", "--single-transaction")
        database.run_postgres_tool("pg_restore", *options, copy, stem=copy)
        return
    path = database.sqlite_path()
    if os.path.exists(path):
        database.copy_database(f"{roots.backups}/{time.strftime('%Y%m%d-%H%M%S')}-replaced")
        connections.close_all()
    for beside in (f"{path}-wal", f"{path}-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
    user, group = service_ids()
    os.chown(copy, user, group)
    os.chmod(copy, 0o600)
    os.replace(copy, path)


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
