"""Brings the database up to date before anything works with it, with a copy of it first."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections

from panel import schema
from panel.host.errors import HostRefused
from panel.host.roots import Roots, service_ids

COPIES_KEPT = 5
SQLITE_SUFFIX = ".sqlite3"
DUMP_SUFFIX = ".pgdump"


def migrate(roots: Roots, *, say: Callable[[str], None]) -> None:
    """Apply the migrations that are missing; a database with something in it is copied first.

    Raises HostRefused for a database that a newer Moorage has migrated.
    """
    if is_sqlite():
        _make_file_of_service_user()
    try:
        schema.require_known_schema()
        if schema.is_behind():
            if connection.introspection.table_names():
                copy = f"{roots.backups}/{time.strftime('%Y%m%d-%H%M%S')}"
                say(f"copying the database to {copy_database(copy)} before it is migrated")
                _drop_old_copies(roots)
            say("migrating the database")
            call_command("migrate", verbosity=0, interactive=False)
    except schema.SchemaUnknown as unknown:
        raise HostRefused(str(unknown)) from None
    finally:
        connections.close_all()


def require_current() -> None:
    """Raise HostRefused where the database is of a newer Moorage, or was not migrated yet."""
    try:
        schema.require_known_schema()
        if schema.is_behind():
            raise HostRefused("the database is not migrated yet: run `manage.py prepare`")
    except schema.SchemaUnknown as unknown:
        raise HostRefused(str(unknown)) from None
    finally:
        connections.close_all()


def is_sqlite() -> bool:
    """Tell whether the database is the embedded one."""
    return bool(settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"))


def sqlite_path() -> str:
    """Return where the embedded database is."""
    return str(settings.DATABASES["default"]["NAME"])


def copy_database(stem: str) -> str:
    """Write a consistent copy of the database and return its path: `stem` and a suffix.

    The embedded one by SQLite's backup interface, PostgreSQL by pg_dump(1). Readable by root only.
    """
    if is_sqlite():
        target = stem + SQLITE_SUFFIX
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
        with (
            contextlib.closing(sqlite3.connect(sqlite_path(), timeout=20)) as source,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
        return target
    target = stem + DUMP_SUFFIX
    os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
    run_postgres_tool("pg_dump", "--format=custom", f"--file={target}", stem=stem)
    return target


def run_postgres_tool(program: str, *options: str, stem: str) -> None:
    """Run a client program of PostgreSQL on the configured database; `stem` is only told.

    Raises HostRefused where it is missing or fails.
    """
    if shutil.which(program) is None:
        raise HostRefused(f"{program} is not installed, which the copy {stem} needs")
    database = settings.DATABASES["default"]
    names = {"HOST": "PGHOST", "PORT": "PGPORT", "USER": "PGUSER", "PASSWORD": "PGPASSWORD"}
    variables = {known: str(database[name]) for name, known in names.items() if database.get(name)}
    ran = subprocess.run(
        [program, *options, f"--dbname={database['NAME']}"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise HostRefused(f"{program} failed: {(ran.stderr.strip().splitlines() or ['?'])[-1]}")


def _make_file_of_service_user() -> None:
    # Root's processes open it too; SQLite gives the files beside it the owner of this one.
    user, group = service_ids()
    descriptor = os.open(sqlite_path(), os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        os.fchown(descriptor, user, group)
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _drop_old_copies(roots: Roots) -> None:
    copies = sorted(
        name for name in os.listdir(roots.backups) if name.endswith((SQLITE_SUFFIX, DUMP_SUFFIX))
    )
    for name in copies[:-COPIES_KEPT]:
        os.unlink(f"{roots.backups}/{name}")
