"""A rename as an operation: of those that want one name, one gets it."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from panel.accounts.actors import Actor
from panel.agent.relay import relay_pending
from panel.inventory.models import Container
from panel.inventory.queries import find_container
from panel.operations.models import Operation, Status
from panel.operations.submit import submit
from panel.worker.run import Workshop, run
from runtime.engine import Engine
from runtime.errors import NotFound, Unavailable
from tests.fakes.engine import FakeEngine
from tests.fakes.rows import error_of, result_of

pytestmark = pytest.mark.django_db(transaction=True)


def rename(actor: Actor, container: str, name: str, workshop: Workshop) -> Operation:
    operation = submit("container.rename", actor=actor, target=container, params={"name": name})
    run(operation.pk, workshop)
    operation.refresh_from_db()
    return operation


def test_it_has_the_name_in_engine_and_picture(
    alice: Actor, created: Callable[..., str], workshop: Workshop, engine: FakeEngine
) -> None:
    container = created(name="old")
    for _ in range(2):  # as again by whoever takes it over
        operation = rename(alice, container, "new", workshop)
        assert (operation.status, result_of(operation)["name"]) == (Status.SUCCEEDED, "new")
    relay_pending(cast(Engine, engine), "here")

    assert engine.containers.inspect(container).spec["name"] == "new"
    assert find_container(alice.team_id, "new").pk == container
    with pytest.raises(NotFound):
        find_container(alice.team_id, "old")
    assert created(name="old") != container


def test_a_name_that_another_has_is_refused_and_nothing_changes(
    alice: Actor, created: Callable[..., str], workshop: Workshop, engine: FakeEngine
) -> None:
    created(name="taken")
    container = created(name="old")
    operation = rename(alice, container, "taken", workshop)

    assert (operation.status, error_of(operation)["code"]) == (Status.FAILED, "conflict")
    assert engine.containers.inspect(container).spec["name"] == "old"
    assert find_container(alice.team_id, "old").pk == container


def test_another_team_s_names_do_not_count(
    alice: Actor,
    charlie: Actor,
    created: Callable[..., str],
    workshop: Workshop,
) -> None:
    spec = {"image": "starter", "command": ["sleep", "9"], "name": "web"}
    run(submit("container.create", actor=charlie, params={"spec": spec}).pk, workshop)

    assert rename(alice, created(name="old"), "web", workshop).status == Status.SUCCEEDED


def test_what_the_engine_refuses_keeps_its_name(
    alice: Actor, created: Callable[..., str], workshop: Workshop, engine: FakeEngine
) -> None:
    container = created()

    def refuse(verb: str, _: str) -> None:
        raise Unavailable(f"no {verb} now")

    engine.containers.before = refuse
    operation = rename(alice, container, "new", workshop)

    assert operation.status == Status.FAILED
    assert Container.objects.get(pk=container).name == container[:12]


def test_a_name_given_elsewhere_is_shown_unless_another_has_it(
    alice: Actor, created: Callable[..., str], engine: FakeEngine
) -> None:
    first, second = created(name="first"), created(name="second")
    engine.containers.rename(first, name="third")
    engine.containers.rename(second, name="third")
    relay_pending(cast(Engine, engine), "here")

    assert find_container(alice.team_id, "third").pk == first
    assert find_container(alice.team_id, "second").pk == second
