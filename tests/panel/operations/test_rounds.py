"""A round of the reconciler goes on past what it cannot do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DataError

from panel.accounts.actors import Actor
from panel.inventory.models import Container
from panel.operations.models import Status
from panel.operations.reconcile import reconcile
from panel.operations.settle import settle_from_event
from panel.operations.submit import submit
from panel.worker.run import Workshop, run
from runtime.events import ContainerEvent
from tests.fakes.engine import FakeEngine
from tests.fakes.programs import Outcome

ECHO = {"spec": {"command": ["echo", "hi"]}}
NODE = "here"

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_row_that_cannot_be_settled_keeps_no_other_from_it(
    created: Callable[..., str], engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = created(), created()
    engine.containers.end(first, 1)
    engine.containers.end(second, 2)
    settle = settle_from_event

    def poisoned(event: ContainerEvent, *, node: str) -> None:
        if event.record.id == first:
            raise DataError("unsupported Unicode escape sequence")
        settle(event, node=node)

    monkeypatch.setattr("panel.operations.reconcile.settle_from_event", poisoned)

    found = reconcile(engine, node=NODE)

    assert found.projected == 1
    assert Container.objects.get(pk=first).exit_code is None
    assert Container.objects.get(pk=second).exit_code == 2


@pytest.mark.parametrize("step", ["ring_again", "compare", "compare_images", "end_streams"])
def test_a_step_that_fails_keeps_no_other_from_being_taken(
    alice: Actor,
    created: Callable[..., str],
    workshop: Workshop,
    engine: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    container = created()
    engine.containers.hold_ends = True
    operation = submit("container.exec", actor=alice, target=container, params=ECHO)
    run(operation.pk, workshop)
    engine.containers.end_exec(container, operation.pk, Outcome("hi\n", 0))

    def refuse(*_: object, **__: object) -> int:
        raise DataError("value too long")

    monkeypatch.setattr(f"panel.operations.reconcile.{step}", refuse)

    assert reconcile(engine, node=NODE).settled == 1

    operation.refresh_from_db()
    assert operation.status == Status.SUCCEEDED
