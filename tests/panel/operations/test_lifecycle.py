"""An operation from its promise to its end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from panel.accounts.actors import Actor
from panel.accounts.permissions import NotAllowed
from panel.eventlog.models import Event
from panel.eventlog.since import newest, since
from panel.inventory.models import Container
from panel.inventory.queries import find_container
from panel.operations import cancel
from panel.operations.claim import claim
from panel.operations.models import Operation, Status
from panel.operations.submit import submit
from panel.policy.rules import Refused
from panel.worker.run import Workshop, run
from runtime.errors import Conflict, InvalidSpec, NotFound
from tests.fakes.engine import FakeEngine
from tests.fakes.rows import error_of, result_of

Drain = Callable[[], list[Operation]]
SLEEPER = {"spec": {"image": "starter", "command": ["sleep", "1000"]}}

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_create_ends_with_a_running_container(
    alice: Actor, drain: Drain, engine: FakeEngine
) -> None:
    queued = submit("container.create", actor=alice, params=SLEEPER)

    (operation,) = drain()

    assert operation.pk == queued.pk
    assert (operation.status, operation.error) == (Status.SUCCEEDED, None)
    container = find_container(alice.team_id, operation.target)
    assert (container.state, container.version) == ("running", 2)
    assert engine.effects == [("create", container.pk), ("start", container.pk)]
    assert operation.result == {
        "id": container.pk,
        "name": container.name,
        "state": "running",
    }


def test_the_spec_that_runs_has_the_teams_namespace_and_ids(
    alice: Actor, drain: Drain, engine: FakeEngine
) -> None:
    forged = {"spec": {**SLEEPER["spec"], "namespace": "elsewhere", "id_range": 0}}

    submit("container.create", actor=alice, params=forged)
    drain()

    (record,) = engine.containers.list()
    assert record.namespace == "harbour"
    assert record.spec["id_range"] >= 300_000_000


def test_a_viewer_may_not_create(vera: Actor) -> None:
    with pytest.raises(NotAllowed, match="viewer"):
        submit("container.create", actor=vera, params=SLEEPER)

    assert not Operation.objects.exists()


def test_privileged_mode_is_refused_at_once(alice: Actor) -> None:
    with pytest.raises(Refused, match="privileged: the team's policy"):
        submit(
            "container.create",
            actor=alice,
            params={"spec": {**SLEEPER["spec"], "privileged": True}},
        )

    assert not Operation.objects.exists()
    assert not Container.objects.exists()


def test_an_unknown_field_is_named(alice: Actor) -> None:
    with pytest.raises(InvalidSpec, match="command_line: there is no such field"):
        submit("container.create", actor=alice, params={"spec": {"image": "x", "command_line": 1}})


def test_a_taken_name_conflicts_until_its_container_is_deleted(
    alice: Actor, charlie: Actor, drain: Drain
) -> None:
    named = {"spec": {**SLEEPER["spec"], "name": "web"}}
    first = submit("container.create", actor=alice, params=named)
    with pytest.raises(Conflict, match="web"):
        submit("container.create", actor=alice, params=named)
    submit("container.create", actor=charlie, params=named)
    drain()

    submit("container.delete", actor=alice, target=first.target, params={"force": True})
    drain()

    assert submit("container.create", actor=alice, params=named).status == Status.QUEUED


def test_a_failed_create_frees_its_name(alice: Actor, drain: Drain) -> None:
    named = {"spec": {"image": "nothing-like-it", "name": "web"}}
    submit("container.create", actor=alice, params=named)

    (failed,) = drain()

    assert failed.status == Status.FAILED
    assert error_of(failed)["code"] == "not_found"
    assert submit("container.create", actor=alice, params=named).status == Status.QUEUED


def test_a_create_whose_start_fails_leaves_the_container_to_look_at(
    alice: Actor, drain: Drain
) -> None:
    params = {"spec": {"image": "starter", "command": ["no-such-program"], "name": "web"}}
    submit("container.create", actor=alice, params=params)

    (failed,) = drain()

    assert error_of(failed)["details"]["field"] == "command"
    assert find_container(alice.team_id, "web").state == "created"


def test_a_foreign_container_is_not_there(charlie: Actor, created: Callable[..., str]) -> None:
    container = created()

    with pytest.raises(NotFound):
        submit("container.stop", actor=charlie, target=container)


def test_a_stop_ends_by_the_event(
    alice: Actor, drain: Drain, created: Callable[..., str], engine: FakeEngine
) -> None:
    from panel.operations.settle import settle_from_event

    container = created()
    submit("container.stop", actor=alice, target=container, params={"timeout_seconds": 1})
    (stop,) = drain()
    assert (stop.status, stop.handed_over, stop.lease_pid) == (Status.RUNNING, True, None)

    for spooled in engine.events.pending():
        settle_from_event(spooled.event, node="here")

    stop.refresh_from_db()
    assert (stop.status, result_of(stop)["exit_code"]) == (Status.SUCCEEDED, 143)


def test_an_exec_ends_with_its_output(
    alice: Actor, drain: Drain, created: Callable[..., str], engine: FakeEngine
) -> None:
    from panel.operations.settle import settle_from_event

    container = created()
    submit(
        "container.exec",
        actor=alice,
        target=container,
        params={"spec": {"command": ["sh", "-c", "echo hi; exit 3"]}},
    )
    drain()
    for spooled in engine.events.pending():
        settle_from_event(spooled.event, node="here")
        settle_from_event(spooled.event, node="here")

    operation = Operation.objects.get(kind="container.exec")
    assert operation.status == Status.SUCCEEDED
    assert (result_of(operation)["exit_code"], result_of(operation)["stdout"]) == (3, "hi\n")


def test_exclusive_operations_wait_for_their_turn_and_are_rung(
    alice: Actor, created: Callable[..., str], workshop: Workshop
) -> None:
    container = created()
    first = submit("container.start", actor=alice, target=container)
    second = submit("container.delete", actor=alice, target=container, params={"force": True})
    kill = submit("container.kill", actor=alice, target=container)

    assert not run(second.pk, workshop), "it left the queue out of order"
    assert run(kill.pk, workshop), "a kill has to overtake"
    assert run(first.pk, workshop)
    assert run(second.pk, workshop)


def test_only_one_of_two_claims_wins(alice: Actor) -> None:
    operation = submit("container.create", actor=alice, params=SLEEPER)

    first = claim(operation.pk, node="here")
    second = claim(operation.pk, node="here", busy={operation.pk})

    assert first is not None
    assert first.fence == 1
    assert second is None


def test_a_queued_operation_is_cancelled_at_once_and_frees_its_name(
    alice: Actor, drain: Drain, engine: FakeEngine
) -> None:
    named = {"spec": {**SLEEPER["spec"], "name": "web"}}
    operation = submit("container.create", actor=alice, params=named)

    assert cancel.request(operation, actor=alice).status == Status.CANCELLED
    assert drain() == []
    assert engine.effects == []
    assert submit("container.create", actor=alice, params=named).status == Status.QUEUED


def test_a_foreign_operation_cannot_be_cancelled(alice: Actor, charlie: Actor) -> None:
    operation = submit("container.create", actor=alice, params=SLEEPER)

    with pytest.raises(NotFound):
        cancel.request(operation, actor=charlie)


def test_the_log_tells_the_story_in_order(alice: Actor, charlie: Actor, drain: Drain) -> None:
    submit("container.create", actor=alice, params=SLEEPER)
    drain()

    told = [event.kind for event in since(0, team_id=alice.team_id)]

    assert told == [
        "operation.queued",
        "operation.running",
        "container.created",
        "container.started",
        "operation.succeeded",
    ]
    assert since(0, team_id=charlie.team_id) == []
    assert newest() == Event.objects.order_by("-seq")[0].seq
