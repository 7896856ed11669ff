"""Which database, as Django's DATABASES entry. Pure."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

SQLITE = "panel.database.sqlite3"
BUSY_TIMEOUT_SECONDS = 20
PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"


def database(
    url: str, data_root: str, *, kept_seconds: int = 0, waiting: int = 0
) -> dict[str, Any]:
    """Return the settings for `url`, or for SQLite under `data_root` when it is empty.

    `url` is `postgresql://user:password@host:port/name?option=value` or `sqlite:///absolute/path`.
    A connection ends with its request unless it is kept for longer: under ASGI each request has a
    thread of its own, which would take a kept connection along, and they pile up until the server
    has no more to give. Up to `waiting` connections to SQLite wait for the next request instead.
    Raises ValueError for another scheme.
    """
    entry = {**_entry(url, data_root), "CONN_MAX_AGE": kept_seconds}
    if waiting and entry["ENGINE"] == SQLITE:
        entry["OPTIONS"]["kept"] = waiting
    return entry


def _entry(url: str, data_root: str) -> dict[str, Any]:
    if not url:
        return _sqlite(f"{data_root}/panel/db.sqlite3")
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return _sqlite(unquote(parts.path))
    if parts.scheme not in ("postgres", "postgresql"):
        raise ValueError(f"DATABASE_URL: {parts.scheme!r} is neither postgresql nor sqlite")
    options = dict(parse_qsl(parts.query))
    host = options.pop("host", "") or unquote(parts.hostname or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or options.pop("port", "")),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5, **options},
    }


def _sqlite(path: str) -> dict[str, Any]:
    # Django's default transaction_mode begins as a reader, and a reader that wants to write while
    # another has written fails at once, whatever the timeout (sqlite.org/lang_transaction.html).
    return {
        "ENGINE": SQLITE,
        "NAME": path,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": BUSY_TIMEOUT_SECONDS,
            "init_command": PRAGMAS,
        },
    }
