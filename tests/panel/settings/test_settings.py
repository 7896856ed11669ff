"""What the environment comes to."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from panel import broker
from panel.settings.database import database
from panel.settings.environment import Environment
from panel.settings.static import StaticFiles


def test_one_node_needs_nothing_set(tmp_path: Path) -> None:
    read = Environment.read({"DATA_ROOT": str(tmp_path), "RUN_ROOT": "/run/x", "NODE_NAME": "n"})

    assert read.redis_url == "unix:///run/x/valkey/valkey.sock?db=0"
    assert (read.database_url, read.debug, read.secret_key) == ("", False, "")
    assert read.id_base == 300_000_000


def test_the_secret_is_read_from_its_file_unless_given(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "secret_key").write_text("from the file\n")
    roots = {"DATA_ROOT": str(tmp_path)}

    assert Environment.read(roots).secret_key == "from the file"
    assert Environment.read({**roots, "SECRET_KEY": "given"}).secret_key == "given"


@pytest.mark.parametrize(
    ("url", "celery"),
    [
        (
            "unix:///run/moorage/valkey/valkey.sock?db=0",
            "redis+socket:///run/moorage/valkey/valkey.sock?virtual_host=0",
        ),
        ("unix://:pw@/run/v.sock?db=3", "redis+socket://:pw@/run/v.sock?virtual_host=3"),
        ("unix:///run/v.sock", "redis+socket:///run/v.sock?virtual_host=0"),
        ("redis://broker:6379/2", "redis://broker:6379/2"),
        ("rediss://u:p@broker:6380/0", "rediss://u:p@broker:6380/0"),
    ],
)
def test_one_address_serves_celery_too(url: str, celery: str) -> None:
    assert broker.celery_url(url) == celery


def test_the_channel_layer_never_gives_up_an_idle_socket() -> None:
    layer = broker.channel_layer("unix:///run/v.sock?db=0")

    assert layer["BACKEND"] == "channels_redis.pubsub.RedisPubSubChannelLayer"
    assert layer["CONFIG"]["hosts"][0]["socket_timeout"] is None


def test_postgresql_is_read_from_its_url() -> None:
    entry = database("postgresql://me:p%40ss@db.example:5433/moorage?sslmode=require", "/data")

    assert entry["ENGINE"] == "django.db.backends.postgresql"
    assert (entry["USER"], entry["PASSWORD"], entry["HOST"]) == ("me", "p@ss", "db.example")
    assert (entry["PORT"], entry["NAME"]) == ("5433", "moorage")
    assert entry["OPTIONS"]["sslmode"] == "require"


def test_an_unknown_database_is_refused() -> None:
    with pytest.raises(ValueError, match="mysql"):
        database("mysql://x/y", "/data")


def test_sqlite_writes_through_and_waits_for_others() -> None:
    entry = database("", "/data")

    assert entry["NAME"] == "/data/panel/db.sqlite3"
    assert entry["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert entry["OPTIONS"]["timeout"] == 20


@pytest.mark.django_db(transaction=True)
def test_the_open_database_has_what_was_asked_for() -> None:
    if connection.vendor != "sqlite":
        assert connection.vendor == "postgresql"
        return
    with connection.cursor() as cursor:
        said = {}
        for pragma in ("journal_mode", "synchronous", "foreign_keys"):
            cursor.execute(f"PRAGMA {pragma}")
            said[pragma] = cursor.fetchone()[0]

    assert said == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_pages_allow_no_foreign_code_and_no_framing() -> None:
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]

    assert directives["default-src"] == ["'none'"]
    assert directives["script-src"] == directives["style-src"] == ["'self'"]
    assert "unsafe" not in str(directives)
    assert directives["frame-ancestors"] == ["'none'"]
    assert settings.PASSWORD_HASHERS[0].endswith("Argon2PasswordHasher")


def test_connections_end_with_their_request_unless_they_are_kept() -> None:
    assert database("", "/data")["CONN_MAX_AGE"] == 0
    assert database("", "/data", kept_seconds=600)["CONN_MAX_AGE"] == 600


async def test_static_files_are_whole_answers() -> None:
    async def no_page(_: HttpRequest) -> HttpResponse:
        return HttpResponse(status=404)

    middleware = StaticFiles(no_page)
    request = RequestFactory().get("/static/css/tokens.css")

    answer = await middleware(request)

    assert isinstance(answer, HttpResponse)
    assert (await middleware(RequestFactory().get("/static/nothing"))).status_code == 404
    assert (answer.status_code, answer.streaming) == (200, False)
    assert answer["Content-Type"].startswith("text/css")
    assert len(answer.content) == int(answer["Content-Length"])


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    from django.core.management import call_command

    call_command("makemigrations", "--check", "--dry-run", verbosity=0, skip_checks=True)
