"""Whether this code knows the database's schema. Every process asks before it works."""

from __future__ import annotations

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.loader import MigrationLoader


class SchemaUnknown(Exception):
    """The database was migrated by a newer Moorage, or not yet by this one; one sentence."""


def require_known_schema() -> None:
    """Raise SchemaUnknown where the database has migrations that this code does not know."""
    loader = MigrationLoader(connections[DEFAULT_DB_ALIAS])
    ours = {label for label, _ in loader.disk_migrations}
    newer = sorted(
        f"{label}.{name}"
        for label, name in loader.applied_migrations
        if label in ours and (label, name) not in loader.disk_migrations
    )
    if newer:
        raise SchemaUnknown(
            f"the database is of a newer Moorage, which migrated it to {newer[-1]}; update this one"
        )


def is_behind() -> bool:
    """Tell whether migrations of this code are still to be applied."""
    loader = MigrationLoader(connections[DEFAULT_DB_ALIAS])
    return any(key not in loader.applied_migrations for key in loader.disk_migrations)
