"""A change of limits as an operation: judged as a create, counted in the budget, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from panel.accounts.actors import Actor
from panel.agent.relay import relay_pending
from panel.inventory.models import Container
from panel.inventory.queries import usage_of
from panel.operations.models import Operation, Status
from panel.operations.submit import submit
from panel.policy.models import TeamPolicy
from panel.policy.rules import Refused
from panel.worker.run import Workshop, run
from runtime.engine import Engine
from runtime.errors import InvalidSpec, KernelRefused, NotFound
from tests.fakes.engine import FakeEngine
from tests.fakes.rows import error_of, result_of

pytestmark = pytest.mark.django_db(transaction=True)
MIB = 1 << 20
WISH: dict[str, Any] = {
    "limits": {"memory_bytes": 64 * MIB, "cpus": 0.5},
    "restart": {"policy": "always"},
}


def ask(actor: Actor, container: str, wish: dict[str, Any]) -> Operation:
    return submit("container.update", actor=actor, target=container, params=wish)


def done(operation: Operation, workshop: Workshop) -> Operation:
    run(operation.pk, workshop)
    operation.refresh_from_db()
    return operation


def budget(actor: Actor, **overrides: Any) -> None:
    TeamPolicy.objects.update_or_create(team_id=actor.team_id, defaults={"overrides": overrides})


def test_engine_picture_and_budget_have_the_new_limits(
    alice: Actor, created: Callable[..., str], workshop: Workshop, engine: FakeEngine
) -> None:
    container = created(name="web", limits={"memory_bytes": 32 * MIB})
    operation = done(ask(alice, container, WISH), workshop)
    relay_pending(cast(Engine, engine), "here")

    assert (operation.status, result_of(operation)["name"]) == (Status.SUCCEEDED, "web")
    record = engine.containers.inspect(container)
    assert record.spec["limits"]["memory_bytes"] == 64 * MIB
    assert record.spec["restart"] == "always"
    row = Container.objects.get(pk=container)
    assert (row.memory_bytes, row.cpus, row.version) == (64 * MIB, 0.5, record.version)
    assert usage_of(alice.team_id).memory_bytes == 64 * MIB


def test_what_the_team_may_not_is_refused_when_it_is_asked_for(
    alice: Actor, created: Callable[..., str]
) -> None:
    container = created(limits={"memory_bytes": 32 * MIB})
    budget(alice, max_memory_bytes=48 * MIB)
    with pytest.raises(Refused) as refused:
        ask(alice, container, WISH)

    assert refused.value.refusals[0].field == "limits.memory_bytes"
    assert not Operation.objects.filter(kind="container.update").exists()


def test_what_the_team_may_not_any_more_is_refused_by_the_worker(
    alice: Actor, created: Callable[..., str], workshop: Workshop, engine: FakeEngine
) -> None:
    container = created(limits={"memory_bytes": 32 * MIB})
    operation = ask(alice, container, WISH)
    budget(alice, max_memory_bytes=48 * MIB)
    done(operation, workshop)

    assert (operation.status, error_of(operation)["code"]) == (Status.FAILED, "refused")
    assert ("update", container) not in engine.effects
    assert Container.objects.get(pk=container).memory_bytes == 32 * MIB


def test_of_two_that_want_the_rest_of_a_budget_one_gets_it(
    alice: Actor, created: Callable[..., str], workshop: Workshop
) -> None:
    first, second = (created(limits={"memory_bytes": 32 * MIB}) for _ in range(2))
    budget(alice, max_memory_bytes=100 * MIB)
    asked = [ask(alice, container, WISH) for container in (first, second)]
    ends = [done(operation, workshop).status for operation in asked]

    assert ends == [Status.SUCCEEDED, Status.FAILED]
    assert usage_of(alice.team_id).memory_bytes == 96 * MIB


def test_the_nodes_ceiling_has_the_last_word(
    alice: Actor,
    created: Callable[..., str],
    workshop: Workshop,
    engine: FakeEngine,
    tmp_path: Path,
) -> None:
    budget(alice, max_log_bytes=1 << 33)
    ceiling = tmp_path / "ceiling.toml"
    ceiling.write_text(f"max_log_bytes = {1 << 33}\n")
    container = created(limits={"log_bytes": 1 << 31})
    operation = ask(alice, container, WISH)
    ceiling.unlink()
    done(operation, workshop)

    assert (operation.status, error_of(operation)["code"]) == (Status.FAILED, "refused")
    assert ("update", container) not in engine.effects


def test_what_the_kernel_refuses_leaves_the_budget_as_it_was(
    alice: Actor, created: Callable[..., str], workshop: Workshop, engine: FakeEngine
) -> None:
    container = created(limits={"memory_bytes": 32 * MIB})

    def refuse(verb: str, _: str) -> None:
        if verb == "update":
            raise KernelRefused("write", 16, "memory.max")

    engine.containers.before = refuse
    operation = done(ask(alice, container, WISH), workshop)

    assert (operation.status, error_of(operation)["code"]) == (Status.FAILED, "kernel_refused")
    assert Container.objects.get(pk=container).memory_bytes == 32 * MIB


def test_memory_below_what_is_used_is_a_conflict_and_nothing_changes(
    alice: Actor, created: Callable[..., str], workshop: Workshop, engine: FakeEngine
) -> None:
    container = created(limits={"memory_bytes": 32 * MIB})
    before = engine.containers.inspect(container)
    operation = done(ask(alice, container, {"limits": {"memory_bytes": 7 * MIB}}), workshop)

    assert (operation.status, error_of(operation)["code"]) == (Status.FAILED, "conflict")
    assert engine.containers.inspect(container) == before
    assert Container.objects.get(pk=container).memory_bytes == 32 * MIB


def test_a_worker_that_died_after_the_engine_is_taken_over_without_a_second_effect(
    alice: Actor, created: Callable[..., str], workshop: Workshop, engine: FakeEngine
) -> None:
    from runtime.spec.amendment import Amendment

    container = created(limits={"memory_bytes": 32 * MIB})
    operation = ask(alice, container, WISH)
    engine.containers.update(container, Amendment.from_json(WISH), operation=operation.pk)
    done(operation, workshop)

    assert operation.status == Status.SUCCEEDED
    assert engine.effects.count(("update", container)) == 1


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({}, "limits"),
        ({"name": "x"}, "name"),
        ({"limits": {"pids": -1}}, "limits.pids"),
        ({"limits": {"memory_swap_bytes": 64 * MIB}}, "limits.memory_swap_bytes"),
        ({"restart": {"policy": "never"}}, "restart.policy"),
    ],
)
def test_a_wrong_wish_is_refused_by_name(
    alice: Actor, created: Callable[..., str], wish: dict[str, Any], field: str
) -> None:
    container = created()
    with pytest.raises(InvalidSpec) as refused:
        ask(alice, container, wish)

    assert refused.value.field == field


def test_a_foreign_container_is_not_there(charlie: Actor, created: Callable[..., str]) -> None:
    container = created()
    with pytest.raises(NotFound, match="container"):
        ask(charlie, container, WISH)
