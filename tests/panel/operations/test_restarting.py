"""A restart as an operation: it ends by the shim's event, and never happens twice."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import cast

import pytest

from panel.accounts.actors import Actor
from panel.agent.relay import relay_pending
from panel.inventory.models import Container
from panel.operations import lease
from panel.operations.claim import claim
from panel.operations.lease import Lease
from panel.operations.models import Operation, Status
from panel.operations.reconcile import reconcile
from panel.operations.submit import submit
from panel.policy.models import TeamPolicy
from panel.worker.run import Workshop, run
from runtime.engine import Engine
from runtime.errors import InvalidSpec
from runtime.shim import protocol
from tests.fakes.engine import FakeEngine
from tests.fakes.rows import error_of, result_of

Ending = Callable[[FakeEngine], object]
NODE = "here"
FAULT = protocol.to_plain(protocol.fault_of(InvalidSpec("command", "there is no such program")))

pytestmark = pytest.mark.django_db(transaction=True)


def by_relay(engine: FakeEngine) -> None:
    relay_pending(cast(Engine, engine), NODE)


def by_reconciler(engine: FakeEngine) -> None:
    """As if every event were lost."""
    for waiting in list(engine.events.pending()):
        engine.events.discard(waiting)
    reconcile(engine, node=NODE)


both_ways = pytest.mark.parametrize("ending", [by_relay, by_reconciler])


@pytest.fixture
def held(
    alice: Actor, created: Callable[..., str], workshop: Workshop, engine: FakeEngine
) -> Operation:
    """A restart that was handed over and is under way."""
    container = created()
    engine.containers.hold_ends = True
    operation = submit("container.restart", actor=alice, target=container)
    run(operation.pk, workshop)
    operation.refresh_from_db()
    assert (operation.status, operation.handed_over) == (Status.RUNNING, True)
    return operation


@both_ways
def test_it_ends_when_the_container_runs_again(
    held: Operation, engine: FakeEngine, ending: Ending
) -> None:
    ending(engine)
    held.refresh_from_db()
    assert held.status == Status.RUNNING
    engine.containers.end_restart(held.target, held.pk)
    ending(engine)

    held.refresh_from_db()
    assert (held.status, result_of(held)["state"]) == (Status.SUCCEEDED, "running")
    assert Container.objects.get(pk=held.target).state == "running"


@both_ways
def test_it_fails_with_what_refused_the_start(
    held: Operation, engine: FakeEngine, ending: Ending
) -> None:
    engine.containers.end_restart(held.target, held.pk, fault=FAULT)
    ending(engine)

    held.refresh_from_db()
    assert (held.status, error_of(held)["code"]) == (Status.FAILED, "invalid_spec")


@both_ways
def test_it_fails_when_somebody_ends_the_container_meanwhile(
    held: Operation, engine: FakeEngine, ending: Ending
) -> None:
    engine.containers.interrupt(held.target, held.pk)
    engine.containers.end(held.target, 137, operation=held.pk)
    ending(engine)

    held.refresh_from_db()
    assert (held.status, error_of(held)["code"]) == (Status.FAILED, "interrupted")


def test_what_does_not_run_is_started_and_done_at_once(
    alice: Actor, created: Callable[..., str], workshop: Workshop, engine: FakeEngine
) -> None:
    container = created("true")
    operation = submit("container.restart", actor=alice, target=container)
    run(operation.pk, workshop)

    operation.refresh_from_db()
    assert operation.status == Status.SUCCEEDED
    assert engine.effects.count(("start", container)) == 2


@pytest.mark.parametrize(
    ("came", "status", "effects"),
    [
        ("nowhere", Status.SUCCEEDED, 1),
        ("to the shim", Status.RUNNING, 1),
        ("to the end", Status.SUCCEEDED, 1),
        ("to a refusal", Status.FAILED, 1),
        ("to an unknown end", Status.FAILED, 1),
    ],
)
def test_taken_over_from_a_dead_worker_it_happens_once(
    alice: Actor,
    created: Callable[..., str],
    workshop: Workshop,
    engine: FakeEngine,
    came: str,
    status: Status,
    effects: int,
) -> None:
    container = created()
    operation = submit("container.restart", actor=alice, target=container)
    start = lease.start_time(os.getpid())
    assert start is not None
    claim(operation.pk, node=NODE, owner=Lease(lease.boot_id(), os.getpid(), start - 1))
    engine.containers.hold_ends = came != "nowhere"
    if came != "nowhere":
        engine.containers.restart(container, operation=operation.pk)
    if came == "to the end":
        engine.containers.end_restart(container, operation.pk)
    if came == "to a refusal":
        engine.containers.end_restart(container, operation.pk, fault=FAULT)
    if came == "to an unknown end":
        engine.containers.interrupt(container, operation.pk)
    by_relay(engine)

    run(operation.pk, workshop)
    by_relay(engine)

    operation.refresh_from_db()
    assert operation.status == status
    assert engine.effects.count(("restart", container)) == effects


def test_what_the_team_may_no_longer_run_is_not_restarted(
    alice: Actor, created: Callable[..., str], workshop: Workshop, engine: FakeEngine
) -> None:
    container = created(limits={"memory_bytes": 1 << 30})
    TeamPolicy.objects.create(team_id=alice.team_id, overrides={"max_memory_bytes": 1 << 26})
    operation = submit("container.restart", actor=alice, target=container)
    run(operation.pk, workshop)

    operation.refresh_from_db()
    assert (operation.status, error_of(operation)["code"]) == (Status.FAILED, "refused")
    assert ("restart", container) not in engine.effects
