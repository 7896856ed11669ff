"""A busy database is waited for, and not for ever."""

from __future__ import annotations

import threading

import pytest
from django.db import OperationalError, connection, connections, transaction

from panel.accounts.actors import Actor
from panel.accounts.models import Team
from panel.operations.models import Operation, Status
from panel.operations.patience import patiently
from panel.operations.submit import submit
from panel.worker.run import Workshop, run

pytestmark = pytest.mark.django_db(transaction=True)


def test_work_is_tried_again_until_the_database_lets_it_through() -> None:
    tries: list[int] = []

    def work() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("database is locked")
        return "done"

    assert patiently(work, seconds=10) == "done"
    assert len(tries) == 3


def test_patience_has_an_end() -> None:
    def work() -> None:
        raise OperationalError("database is locked")

    with pytest.raises(OperationalError, match="locked"):
        patiently(work, seconds=0.2)


def test_an_operation_ends_though_somebody_holds_the_database(
    alice: Actor, workshop: Workshop
) -> None:
    spec = {"image": "starter", "command": ["sleep", "9"]}
    operation = submit("container.create", actor=alice, params={"spec": spec})
    held, let_go = threading.Event(), threading.Event()
    release = threading.Timer(1.0, let_go.set)

    def hold() -> None:
        try:
            with transaction.atomic():
                Team.objects.select_for_update().get(pk=alice.team_id)
                Operation.objects.select_for_update().get(pk=operation.pk)
                held.set()
                let_go.wait(10)
        finally:
            connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    release.start()

    assert run(operation.pk, workshop)

    assert let_go.is_set(), f"{connection.vendor} let two write at once"
    holder.join()
    release.join()
    operation.refresh_from_db()
    assert operation.status == Status.SUCCEEDED
