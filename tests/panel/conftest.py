# ruff: noqa: E402  # Django is set up between the imports
"""The panel's tests: Django on SQLite, or on PostgreSQL where MOORAGE_TEST_DATABASE_URL says so.

`MOORAGE_TEST_DATABASE_URL=postgres` starts a cluster for the run. Alice is admin of the team
`harbour`, Bob its operator, Vera its viewer; Charlie is admin of `elsewhere` and must see nothing.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from django.conf import settings

_ROOT = tempfile.mkdtemp(prefix="mo-panel-", dir="/var/tmp")


def _settle_environment() -> None:
    if settings.configured:
        raise pytest.UsageError("Django is set up already: run without DJANGO_SETTINGS_MODULE")
    wanted = os.environ.get("MOORAGE_TEST_DATABASE_URL", "")
    if wanted == "postgres":
        from tests.panel import cluster

        wanted = cluster.start()
    os.environ.update(
        DJANGO_SETTINGS_MODULE="panel.settings",
        DATA_ROOT=_ROOT,
        RUN_ROOT=f"{_ROOT}/run",
        NODE_NAME="here",
        SECRET_KEY="only for tests",
        DATABASE_URL=wanted,
        REDIS_URL="memory://",
        ALLOWED_HOSTS="testserver,localhost",
    )


_settle_environment()

import django

django.setup()

from panel.accounts.actors import Actor, for_user
from panel.accounts.models import Team
from panel.accounts.roles import Role
from panel.accounts.roster import Place, ensure_team, ensure_user
from panel.agent.streams import Desk
from panel.operations.models import Operation, Status
from panel.operations.submit import submit
from panel.policy import ceiling
from panel.worker.run import Workshop, run
from runtime.engine import Engine
from runtime.streams.server import ServerOptions, StreamServer
from tests.fakes.engine import FakeEngine

NODE = "here"


def pytest_unconfigure() -> None:
    shutil.rmtree(_ROOT, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """A file, not memory: threads and processes are to meet each other's locks."""
    from django.db import connections

    entry = connections["default"].settings_dict
    if entry["ENGINE"].endswith("sqlite3"):
        entry["TEST"]["NAME"] = f"{_ROOT}/test.sqlite3"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Before the database goes, end the sessions of event loops' threads that are gone."""
    yield
    from django.db import connection

    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.fixture(autouse=True)
def quiet_bells() -> Iterator[None]:
    """Leave no doorbell of one test to the next."""
    yield
    from kombu.transport.memory import Transport

    Transport.global_state.clear()
    for channel in Transport.Channel.queues.values():
        channel.queue.clear()


@pytest.fixture
def harbour(db: None) -> Team:
    return ensure_team("harbour", "Harbour")[0]


@pytest.fixture
def elsewhere(db: None) -> Team:
    return ensure_team("elsewhere", "Elsewhere")[0]


def _person(name: str, team: Team, role: Role) -> Actor:
    user, _ = ensure_user(name, Place(team=team.slug, role=role))
    actor = for_user(user.pk, team.slug)
    assert actor is not None
    return actor


@pytest.fixture
def alice(harbour: Team) -> Actor:
    return _person("alice", harbour, Role.ADMIN)


@pytest.fixture
def bob(harbour: Team) -> Actor:
    return _person("bob", harbour, Role.OPERATOR)


@pytest.fixture
def vera(harbour: Team) -> Actor:
    return _person("vera", harbour, Role.VIEWER)


@pytest.fixture
def charlie(elsewhere: Team) -> Actor:
    return _person("charlie", elsewhere, Role.ADMIN)


@pytest.fixture
def engine() -> FakeEngine:
    """An engine in memory where both teams have the starter image."""
    engine = FakeEngine()
    for namespace in ("harbour", "elsewhere"):
        engine.images.starter(namespace)
    return engine


@pytest.fixture
def workshop(engine: FakeEngine, tmp_path: Any) -> Workshop:
    """What a worker works with, under the ceiling file `ceiling.toml` of the test's directory."""
    return Workshop(
        node=NODE,
        engine=engine,
        uploads=str(tmp_path),
        ceiling=lambda: ceiling.read(str(tmp_path), id_base=settings.ID_BASE),
    )


@pytest.fixture
def drain(workshop: Workshop) -> Callable[[], list[Operation]]:
    """Do every queued operation as a worker would; return the rows as they are then."""

    def drained() -> list[Operation]:
        queued = Operation.objects.filter(status=Status.QUEUED, klass="change")
        names = list(queued.order_by("number").values_list("pk", flat=True))
        for name in names:
            run(name, workshop)
        return list(Operation.objects.filter(pk__in=names).order_by("number"))

    return drained


@pytest.fixture
def created(alice: Actor, drain: Callable[[], list[Operation]]) -> Callable[..., str]:
    """Create a container of Alice's and return its id."""

    def create(*command: str, **fields: Any) -> str:
        spec = {"image": "starter", "command": list(command or ("sleep", "1000")), **fields}
        operation = submit("container.create", actor=alice, params={"spec": spec})
        drain()
        operation.refresh_from_db()
        assert operation.status == Status.SUCCEEDED, operation.error
        return operation.target

    return create


@pytest.fixture
def node(engine: FakeEngine, tmp_path: Any) -> Iterator[StreamServer]:
    """The stream server of the agent, in this process."""
    directory = f"{settings.RUN_ROOT}/agent"
    os.makedirs(directory, exist_ok=True)
    over = threading.Event()
    desk = Desk(engine=cast("Engine", engine), uploads=str(tmp_path), node="here", over=over)
    options = ServerOptions(
        path=f"{directory}/stream", group=os.getgid(), uids=frozenset({os.getuid()})
    )
    server = StreamServer(options, desk.serve)
    server.start()
    yield server
    over.set()
    server.stop()
