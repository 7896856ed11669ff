"""What the machine and the services around it offer: one list for `manage.py doctor`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.db import DatabaseError, connection
from redis import RedisError

from panel import broker, schema
from panel.host.database import is_sqlite, sqlite_path
from panel.host.preflight import MISSING
from runtime.system import doctor


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `fatal` means the platform does not work without it."""

    name: str
    state: str
    detail: str
    fatal: bool = False

    @property
    def is_lacking(self) -> bool:
        """Tell whether the platform cannot work here."""
        return self.fatal and self.state == MISSING

    def to_json(self) -> dict[str, Any]:
        """Return the finding as plain values."""
        return asdict(self)


def examine() -> list[Finding]:
    """Return what the kernel, Python, the broker and the database offer or lack."""
    return [*_kernel(), _python(), _broker(), _database()]


def _kernel() -> Iterator[Finding]:
    for fact in doctor.examine():
        yield Finding(name=fact.name, state=fact.state, detail=fact.detail, fatal=fact.fatal)


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding(name="python", state="ok", detail=f"{version}, {sys.executable}")


def _broker() -> Finding:
    redis = broker.client()
    try:
        server = redis.info("server")
        name = server.get("server_name", "redis")
        version = server.get("valkey_version") or server.get("redis_version")
        return Finding(name="broker", state="ok", detail=f"{name} {version}")
    except (RedisError, OSError) as away:
        return Finding(name="broker", state=MISSING, detail=f"does not answer: {away}")
    finally:
        redis.close()


def _database() -> Finding:
    if is_sqlite() and not os.path.exists(sqlite_path()):
        return Finding(name="database", state="warn", detail="not made yet: `manage.py up` does it")
    try:
        schema.require_known_schema()
        behind = schema.is_behind()
        version = ".".join(str(part) for part in connection.get_database_version())
    except (DatabaseError, schema.SchemaUnknown) as refused:
        return Finding(name="database", state=MISSING, detail=str(refused).strip(), fatal=True)
    state = "behind: `manage.py up` migrates it" if behind else "migrated"
    detail = f"{connection.vendor} {version}, {state}"
    return Finding(name="database", state="ok", detail=detail)
