"""Every migration can be undone, and none is missing."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration


def is_ours(migration: Migration) -> bool:
    """Say whether a migration is the project's, not Django's."""
    return type(migration).__module__.startswith("panel.")


def test_every_migration_is_reversible() -> None:
    loader = MigrationLoader(None)
    ours = {key: one for key, one in loader.disk_migrations.items() if is_ours(one)}

    assert len(ours) >= 5
    stuck = [
        f"{label}.{name}: {operation.describe()}"
        for (label, name), migration in ours.items()
        for operation in migration.operations
        if not operation.reversible
    ]
    assert stuck == []


@pytest.mark.django_db
def test_the_models_have_no_change_without_a_migration() -> None:
    out = StringIO()

    call_command("makemigrations", "--check", "--dry-run", stdout=out)

    assert "No changes detected" in out.getvalue()
