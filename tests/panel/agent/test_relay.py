"""From the spool into the database, and the reconciler's rounds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
from django.db import OperationalError

from panel.accounts.actors import Actor
from panel.agent import relay
from panel.agent.relay import relay_pending, relay_until
from panel.agent.rounds import one_round
from panel.eventlog.models import Event
from panel.inventory.models import Container, Node
from panel.operations.models import Operation
from panel.operations.settle import settle_from_event
from panel.operations.submit import submit
from runtime.engine import Engine
from runtime.errors import KernelRefused
from tests.fakes.engine import FakeEngine


def test_an_event_leaves_the_disk_after_it_is_in_the_database(
    created: Callable[..., str], engine: FakeEngine
) -> None:
    container = created("sh", "-c", "exit 4")

    relayed, failed = relay_pending(cast("Engine", engine), "here")

    assert relayed > 0
    assert failed == 0
    assert list(engine.events.pending()) == []
    row = Container.objects.get(pk=container)
    assert (row.state, row.exit_code) == ("exited", 4)


@pytest.mark.django_db(transaction=True)
def test_a_busy_database_loses_no_event(
    created: Callable[..., str], engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = created("sh", "-c", "exit 4")
    settle, calls = settle_from_event, []

    def busy(*words: Any, **names: Any) -> None:
        calls.append(words)
        if len(calls) < 3:
            raise OperationalError("database is locked")
        settle(*words, **names)

    monkeypatch.setattr(relay, "settle_from_event", busy)

    assert relay_pending(cast("Engine", engine), "here")[1] == 0
    assert Container.objects.get(pk=container).exit_code == 4


def test_an_event_that_fails_stays_and_holds_up_no_other(
    created: Callable[..., str], engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = created("sh", "-c", "exit 1"), created("sh", "-c", "exit 2")
    settle = settle_from_event

    def poisoned(event: Any, **names: Any) -> None:
        if event.record.id == first:
            raise KeyError("poison")
        settle(event, **names)

    monkeypatch.setattr(relay, "settle_from_event", poisoned)

    _, failed = relay_pending(cast("Engine", engine), "here")

    assert failed > 0
    assert {one.event.record.id for one in engine.events.pending()} == {first}
    assert Container.objects.get(pk=second).exit_code == 2


def test_the_same_event_twice_is_told_once(created: Callable[..., str], engine: FakeEngine) -> None:
    created("sh", "-c", "exit 4")
    events = [one.event for one in engine.events.pending()]
    relay_pending(cast("Engine", engine), "here")
    told = Event.objects.count()

    for event in events:
        engine.events.put(event)
    relay_pending(cast("Engine", engine), "here")

    assert Event.objects.count() == told


@pytest.mark.django_db(transaction=True)
def test_the_relay_ends_when_it_is_told_to(created: Callable[..., str], engine: FakeEngine) -> None:
    container = created("sh", "-c", "exit 4")
    over = threading.Event()
    thread = threading.Thread(target=relay_until, args=(over, engine, "here"))
    thread.start()
    for _ in range(100):
        if Container.objects.get(pk=container).exit_code == 4:
            break
        over.wait(0.05)

    over.set()
    thread.join(5)

    assert not thread.is_alive()
    assert Container.objects.get(pk=container).exit_code == 4


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("broken", ["wait", "pending"])
def test_the_relay_outlives_an_engine_that_refuses_for_a_while(
    created: Callable[..., str], engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setattr(relay, "PAUSE_SECONDS", 0.01)
    refused, works = threading.Event(), getattr(engine.events, broken)

    def refuse(*words: Any) -> Any:
        if not refused.is_set():
            refused.set()
            raise KernelRefused("inotify_init1", 24)
        return works(*words)

    monkeypatch.setattr(engine.events, broken, refuse)
    over = threading.Event()
    thread = threading.Thread(target=relay_until, args=(over, engine, "here"))
    thread.start()
    assert refused.wait(5)

    container = created("sh", "-c", "exit 4")
    for _ in range(100):
        if Container.objects.get(pk=container).exit_code == 4 and not list(
            works.__self__.pending()
        ):
            break
        over.wait(0.05)

    assert thread.is_alive()
    assert list(engine.events.pending()) == []
    over.set()
    thread.join(5)


def test_a_round_rings_lost_doorbells_even_where_the_host_cannot_be_repaired(
    alice: Actor, engine: FakeEngine, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise KernelRefused("umount", 16, "/x")

    monkeypatch.setattr(engine.containers, "recover", refuse, raising=False)
    operation = submit("container.create", actor=alice, params={"spec": {"image": "starter"}})
    Operation.objects.update(rung=None)

    failed = one_round(cast("Engine", engine), "here", str(tmp_path))

    operation.refresh_from_db()
    assert failed == 1
    assert operation.rung is not None
    assert Node.objects.get(name="here").instance == engine.instance


def test_a_round_forgets_what_the_engine_does_not_have(
    created: Callable[..., str], engine: FakeEngine, tmp_path: Any
) -> None:
    container = created()
    relay_pending(cast("Engine", engine), "here")
    engine.containers.delete(container, force=True)
    for event in engine.events.pending():
        engine.events.discard(event)

    one_round(cast("Engine", engine), "here", str(tmp_path))

    assert Container.objects.get(pk=container).deleted


def test_a_round_removes_what_has_ended_unless_an_operation_on_it_is_under_way(
    created: Callable[..., str], alice: Actor, engine: FakeEngine, tmp_path: Any
) -> None:
    container = created("sh", "-c", "exit 0", auto_remove=True)
    submit("container.start", actor=alice, target=container)

    one_round(cast("Engine", engine), "here", str(tmp_path))
    assert engine.containers.inspect(container).state == "exited"

    Operation.objects.filter(kind="container.start").delete()
    one_round(cast("Engine", engine), "here", str(tmp_path))
    relay_pending(cast("Engine", engine), "here")
    assert Container.objects.get(pk=container).deleted
    assert engine.containers.list() == []
