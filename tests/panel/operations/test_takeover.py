"""Owners die, messages come twice, events come late: nothing is lost and nothing happens twice."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from panel.accounts.actors import Actor
from panel.eventlog.models import Event
from panel.inventory.models import Container
from panel.operations import finish, lease, progress
from panel.operations.claim import claim
from panel.operations.lease import Lease
from panel.operations.models import Operation, Status
from panel.operations.reconcile import reconcile
from panel.operations.settle import settle_from_event
from panel.operations.submit import grant_stream, submit
from panel.operations.ticket import redeem_ticket
from panel.worker.run import Workshop, run
from runtime.errors import NotFound
from tests.fakes.engine import FakeEngine
from tests.fakes.programs import Outcome
from tests.fakes.rows import error_of, result_of

SLEEPER = {"spec": {"image": "starter", "command": ["sleep", "1000"]}}
ECHO = {"spec": {"command": ["echo", "hi"]}}
NODE = "here"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def living() -> Iterator[Lease]:
    """The lease of another process, which lives."""
    child = subprocess.Popen(["sleep", "60"])
    start = lease.start_time(child.pid)
    assert start is not None
    yield Lease(lease.boot_id(), child.pid, start)
    child.kill()
    child.wait()


@pytest.fixture
def dead(living: Lease) -> Lease:
    """The lease of a process whose number somebody else has now."""
    return replace(living, start=living.start - 1)


def test_a_living_owner_keeps_its_operation_however_long(
    alice: Actor, workshop: Workshop, living: Lease
) -> None:
    operation = submit("container.create", actor=alice, params=SLEEPER)
    claim(operation.pk, node=NODE, owner=living)
    Operation.objects.update(started=timezone.now() - timedelta(days=2))

    assert claim(operation.pk, node=NODE) is None
    assert not run(operation.pk, workshop)


def test_a_dead_owner_is_succeeded_at_once_and_shut_out(
    alice: Actor, workshop: Workshop, dead: Lease, engine: FakeEngine
) -> None:
    operation = submit("container.create", actor=alice, params=SLEEPER)
    first = claim(operation.pk, node=NODE, owner=dead)
    assert first is not None

    assert run(operation.pk, workshop)

    assert not progress.report(operation.pk, first.fence, {"step": 1})
    assert not finish.fail(operation.pk, first.fence, NotFound("container", "x"))
    operation.refresh_from_db()
    assert (operation.status, operation.fence) == (Status.SUCCEEDED, 2)
    assert len(engine.effects) == 2


def test_an_owner_of_another_boot_is_dead(alice: Actor, living: Lease) -> None:
    operation = submit("container.create", actor=alice, params=SLEEPER)
    claim(operation.pk, node=NODE, owner=replace(living, boot="another"))

    assert claim(operation.pk, node=NODE) is not None


def test_an_unreaped_process_is_dead() -> None:
    child = subprocess.Popen(["sleep", "60"])
    start = lease.start_time(child.pid)
    assert start is not None

    child.kill()
    subprocess.run(["sleep", "0.1"], check=True)

    assert Lease(lease.boot_id(), child.pid, start).is_dead
    child.wait()


def test_another_nodes_operation_is_left_alone(alice: Actor, workshop: Workshop) -> None:
    operation = submit("container.create", actor=alice, params=SLEEPER, node="there")

    assert not run(operation.pk, workshop)


def test_every_doorbell_rung_twice_has_one_effect(
    alice: Actor, workshop: Workshop, engine: FakeEngine
) -> None:
    names = [submit("container.create", actor=alice, params=SLEEPER).pk for _ in range(5)]

    done = [run(name, workshop) for name in names * 2]

    assert done == [True] * 5 + [False] * 5
    assert len(engine.effects) == 10


@pytest.mark.parametrize(
    ("recorded", "status", "effects"),
    [("nothing", Status.SUCCEEDED, 1), ("done", Status.SUCCEEDED, 0), ("begun", Status.FAILED, 0)],
)
def test_a_kill_taken_over_is_not_sent_twice(
    alice: Actor,
    created: Callable[..., str],
    workshop: Workshop,
    engine: FakeEngine,
    dead: Lease,
    recorded: str,
    status: Status,
    effects: int,
) -> None:
    container = created()
    operation = submit("container.kill", actor=alice, target=container, params={"signal": "USR1"})
    claim(operation.pk, node=NODE, owner=dead)
    if recorded == "done":
        engine.containers.kill(container, signal="SIGUSR1", operation=operation.pk)
        engine.effects.clear()
    if recorded == "begun":
        engine.containers.begin(container, operation.pk)

    run(operation.pk, workshop)

    operation.refresh_from_db()
    assert operation.status == status
    assert engine.effects.count(("kill", container)) == effects
    if status is Status.FAILED:
        assert error_of(operation)["code"] == "interrupted"
        assert "effect unknown" in error_of(operation)["message"]


def test_an_exec_taken_over_goes_on_or_gives_its_recorded_result(
    alice: Actor,
    created: Callable[..., str],
    workshop: Workshop,
    engine: FakeEngine,
    dead: Lease,
) -> None:
    container = created()
    engine.containers.hold_ends = True
    operation = submit("container.exec", actor=alice, target=container, params=ECHO)
    claim(operation.pk, node=NODE, owner=dead)
    engine.containers.begin(container, operation.pk)

    run(operation.pk, workshop)
    operation.refresh_from_db()
    assert (operation.status, operation.handed_over) == (Status.RUNNING, True)
    engine.containers.end_exec(container, operation.pk, Outcome("hi\n", 0))
    reconcile(engine, node=NODE)

    operation.refresh_from_db()
    assert (operation.status, result_of(operation)["stdout"]) == (Status.SUCCEEDED, "hi\n")
    assert ("exec", container) not in engine.effects


@pytest.mark.parametrize("told_by", ["event", "reconciler"])
def test_an_exec_cut_short_is_told_as_interrupted(
    alice: Actor,
    created: Callable[..., str],
    workshop: Workshop,
    engine: FakeEngine,
    told_by: str,
) -> None:
    container = created()
    engine.containers.hold_ends = True
    operation = submit("container.exec", actor=alice, target=container, params=ECHO)
    run(operation.pk, workshop)
    engine.containers.interrupt(container, operation.pk)

    if told_by == "event":
        for spooled in engine.events.pending():
            settle_from_event(spooled.event, node=NODE)
    else:
        reconcile(engine, node=NODE)

    operation.refresh_from_db()
    assert (operation.status, error_of(operation)["code"]) == (Status.FAILED, "interrupted")


def test_a_stop_whose_event_was_lost_is_settled(
    alice: Actor, created: Callable[..., str], workshop: Workshop, engine: FakeEngine
) -> None:
    container = created()
    engine.containers.hold_ends = True
    operation = submit("container.stop", actor=alice, target=container)
    run(operation.pk, workshop)
    assert reconcile(engine, node=NODE).settled == 0
    engine.containers.end(container, 0)

    assert reconcile(engine, node=NODE).settled == 0, "the record itself settles it"

    operation.refresh_from_db()
    assert (operation.status, result_of(operation)["exit_code"]) == (Status.SUCCEEDED, 0)


def test_an_old_end_does_not_settle_a_younger_stop(
    alice: Actor, created: Callable[..., str], workshop: Workshop, engine: FakeEngine
) -> None:
    container = created()
    engine.containers.end(container, 1)
    old = [spooled.event for spooled in engine.events.pending()][-1]
    engine.containers.start(container)
    engine.containers.hold_ends = True
    operation = submit("container.stop", actor=alice, target=container)
    run(operation.pk, workshop)

    settle_from_event(old, node=NODE)

    operation.refresh_from_db()
    assert operation.status == Status.RUNNING
    assert Event.objects.filter(container=container, version=old.record.version).count() == 1


def test_events_in_any_order_end_in_the_same_picture(
    alice: Actor, created: Callable[..., str], engine: FakeEngine
) -> None:
    container = created()
    engine.containers.stop(container)
    events = [spooled.event for spooled in engine.events.pending()]

    for event in [*reversed(events), *events]:
        settle_from_event(event, node=NODE)

    row = Container.objects.get(pk=container)
    assert (row.state, row.version, row.exit_code) == ("exited", 3, 143)
    versions = Event.objects.filter(container=container).values_list("version", flat=True)
    assert set(versions) == {1, 2, 3}


def test_the_picture_can_be_thrown_away(
    created: Callable[..., str], engine: FakeEngine, alice: Actor
) -> None:
    container = created(name="web")
    Container.objects.all().delete()

    reconcile(engine, node=NODE)

    row = Container.objects.get(pk=container)
    assert (row.name, row.state, row.team_id) == ("web", "running", alice.team_id)


def test_a_container_the_engine_lost_leaves_the_picture(
    created: Callable[..., str], engine: FakeEngine
) -> None:
    container = created()
    engine.containers.lose(container)

    assert reconcile(engine, node=NODE).projected == 1
    assert reconcile(engine, node=NODE).projected == 0

    assert Container.objects.get(pk=container).deleted


def test_a_container_being_created_stays_in_the_picture(alice: Actor, engine: FakeEngine) -> None:
    operation = submit("container.create", actor=alice, params=SLEEPER)

    reconcile(engine, node=NODE)

    assert not Container.objects.get(pk=operation.target).deleted


def test_lost_bells_are_rung_again_but_not_every_round(alice: Actor, engine: FakeEngine) -> None:
    operation = submit("container.create", actor=alice, params=SLEEPER)
    assert reconcile(engine, node=NODE).rung == 0

    Operation.objects.update(rung=timezone.now() - timedelta(seconds=31))
    assert reconcile(engine, node=NODE).rung == 1
    assert reconcile(engine, node=NODE).rung == 0

    Operation.objects.update(rung=None)
    assert reconcile(engine, node=NODE).rung == 1
    operation.refresh_from_db()
    assert operation.rung is not None


def test_a_dead_owners_operation_is_rung_soon(
    alice: Actor, engine: FakeEngine, dead: Lease, living: Lease
) -> None:
    theirs = submit("container.create", actor=alice, params=SLEEPER)
    claim(theirs.pk, node=NODE, owner=dead)
    busy = submit("container.create", actor=alice, params=SLEEPER)
    claim(busy.pk, node=NODE, owner=living)
    Operation.objects.update(rung=timezone.now() - timedelta(seconds=6))

    assert reconcile(engine, node=NODE).rung == 1


def test_a_ticket_opens_one_stream_once(alice: Actor, created: Callable[..., str]) -> None:
    container = created()
    operation, ticket = grant_stream("container.logs", actor=alice, target=container)
    assert ticket not in str(Operation.objects.filter(pk=operation.pk).values())

    opened = redeem_ticket(ticket, node=NODE)

    assert (opened.pk, opened.status, opened.target) == (operation.pk, Status.RUNNING, container)
    with pytest.raises(NotFound):
        redeem_ticket(ticket, node=NODE)
    assert finish.succeed(opened.pk, opened.fence)


def test_a_late_ticket_opens_nothing_and_ends(
    alice: Actor, created: Callable[..., str], engine: FakeEngine
) -> None:
    operation, ticket = grant_stream("container.logs", actor=alice, target=created())
    Operation.objects.filter(pk=operation.pk).update(
        ticket_expires=timezone.now() - timedelta(seconds=1)
    )

    with pytest.raises(NotFound):
        redeem_ticket(ticket, node=NODE)
    reconcile(engine, node=NODE)

    operation.refresh_from_db()
    assert operation.status == Status.CANCELLED


def test_old_rows_go_and_readers_that_are_behind_are_told(
    alice: Actor, created: Callable[..., str], engine: FakeEngine
) -> None:
    from panel.eventlog.since import Gone, newest, since

    created()
    reached = newest()
    old = timezone.now() - timedelta(days=91)
    Event.objects.update(time=old)
    Operation.objects.update(finished=old)

    reconcile(engine, node=NODE)

    assert not Operation.objects.exists()
    assert not Event.objects.exists()
    with pytest.raises(Gone):
        since(0, team_id=alice.team_id)
    assert since(reached, team_id=alice.team_id) == []
    with pytest.raises(Gone):
        since(reached + 1000, team_id=alice.team_id)


def test_a_broker_that_is_away_loses_nothing(
    alice: Actor, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from panel.celery import app

    with monkeypatch.context() as away:
        away.setattr(app, "send_task", _refuse)
        operation = submit("container.create", actor=alice, params=SLEEPER)
    operation.refresh_from_db()
    assert (operation.status, operation.rung) == (Status.QUEUED, None)

    assert reconcile(engine, node=NODE).rung == 1


def _refuse(*_: object, **__: object) -> None:
    raise ConnectionRefusedError("nobody listens")
