"""Creates that are cancelled on their way, or whose worker died after the engine's work."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DataError

from panel.accounts.actors import Actor
from panel.operations import cancel, lease
from panel.operations.lease import Lease
from panel.operations.models import Operation, Status
from panel.operations.submit import submit
from panel.policy.rules import Ceiling
from panel.worker import sink
from panel.worker.run import Workshop, run
from runtime.spec.container import ContainerSpec
from tests.fakes.engine import FakeEngine

SPEC = {"image": "starter", "command": ["true"], "name": "web"}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def engine() -> FakeEngine:
    made = FakeEngine()
    made.images.starter("harbour")
    return made


def workshop(engine: Any) -> Workshop:
    return Workshop(
        node="here",
        engine=engine,
        uploads="/nonexistent",
        ceiling=lambda: Ceiling(id_base=300_000_000),
    )


def test_a_create_that_is_cancelled_before_its_command_runs_leaves_nothing(
    alice: Actor, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = submit("container.create", actor=alice, params={"spec": SPEC}, node="here")
    create = engine.containers.create

    def cancelled_meanwhile(*args: Any, **options: Any) -> Any:
        made = create(*args, **options)
        cancel.request(operation, actor=alice)
        return made

    monkeypatch.setattr(engine.containers, "create", cancelled_meanwhile)

    assert run(operation.pk, workshop(engine))

    operation.refresh_from_db()
    assert operation.status == Status.CANCELLED
    assert engine.containers.list() == []
    again = submit("container.create", actor=alice, params={"spec": SPEC}, node="here")
    assert again.status == Status.QUEUED, "the name is free"


def test_a_create_whose_command_has_run_is_not_run_again_by_a_takeover(
    alice: Actor, engine: FakeEngine
) -> None:
    operation = submit("container.create", actor=alice, params={"spec": SPEC}, node="here")
    spec = ContainerSpec(image="starter", command=("true",), namespace="harbour", name="web")
    engine.containers.create(spec, container=operation.target)
    engine.containers.start(operation.target)
    engine.containers.wait(operation.target, timeout_seconds=10)
    dead = Lease(lease.boot_id(), 2**22 + 1, 1)
    Operation.objects.filter(pk=operation.pk).update(
        status=Status.RUNNING,
        fence=1,
        lease_boot=dead.boot,
        lease_pid=dead.pid,
        lease_start=dead.start,
    )

    assert run(operation.pk, workshop(engine))

    operation.refresh_from_db()
    assert operation.status == Status.SUCCEEDED
    assert operation.result is not None
    assert operation.result["state"] == "exited"
    assert [verb for verb, _ in engine.effects].count("start") == 1


def test_an_event_that_no_database_takes_does_not_hold_the_end_up(
    alice: Actor, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = submit("container.create", actor=alice, params={"spec": SPEC}, node="here")

    def refused(*_: Any, **__: Any) -> None:
        raise DataError("no such text")

    monkeypatch.setattr(sink, "settle_from_events", refused)

    assert run(operation.pk, workshop(engine))

    operation.refresh_from_db()
    assert operation.status == Status.SUCCEEDED
    left = [one.event.action for one in engine.events.pending()]
    assert left[:2] == ["created", "started"]
