"""Take an engine's event in: the picture, the log, and the operations that end by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from django.db import transaction
from django.db.models import Q, QuerySet

from panel.eventlog.append import Happening, append, is_logged
from panel.inventory.models import Container
from panel.inventory.project import is_drawn, project_container, take_name
from panel.operations import kinds
from panel.operations.finish import end
from panel.operations.models import Operation, Status
from panel.operations.problem import problem
from runtime.errors import Conflict, Interrupted, NotFound
from runtime.events import ContainerEvent, ContainerRecord

STOPPED = ("exited", "dead")
EXEC_FINISHED = "exec-finished"
BEGINNINGS = ("created", "started")
NOT_RESTARTED = Interrupted("the container was ended while it was being restarted")


def settle_from_event(event: ContainerEvent, *, node: str) -> None:
    """Take one event in, whole or not at all; the same event again changes nothing.

    Sink, relay and reconciler may bring events in any order: the picture takes only newer
    versions, the log one event per version, and an operation ends once.
    """
    settle_from_events((event,), node=node)


def settle_from_events(events: Sequence[ContainerEvent], *, node: str) -> None:
    """Take events of one container in, all or none, oldest first. Only the newest is drawn."""
    with transaction.atomic():
        container = project_container(events[-1].record, node=node)
        for event in events:
            _settle_exec(event)
            _settle_stops(event)
            _settle_restarts(event)
            if container is None:
                continue
            if event.action == "renamed":
                _rename(container, event)
            append(_happening(container, event))


def _happening(container: Container, event: ContainerEvent) -> Happening:
    record = event.record
    return Happening(
        team_id=container.team_id,
        kind=f"container.{event.action}",
        container=record.id,
        version=record.version,
        operation=event.operation,
        payload={
            "id": record.id,
            "name": container.name,
            "state": record.state,
            "exit_code": record.exit_code,
            "oom_killed": record.oom_killed,
            "restart_count": record.restart_count,
            "health": record.health.status if record.health is not None else None,
        },
    )


def is_settled(event: ContainerEvent) -> bool:
    """Say whether an event needs no more: it is taken in, and no operation ends by its kind."""
    record = event.record
    begins = event.action in BEGINNINGS and event.operation is None
    return begins and is_drawn(record) and is_logged(record.id, record.version)


def _settle_exec(event: ContainerEvent) -> None:
    running = _running(event).filter(kind__in=kinds.EXECS)
    if event.action == EXEC_FINISHED and event.operation is not None:
        finished_exec(running.filter(pk=event.operation), event.result)
    elif event.action == "deleted":
        gone = problem(Interrupted("the container was deleted while the command ran"))
        for operation in running.filter(handed_over=True):
            end(running.filter(pk=operation.pk), Status.FAILED, error=gone)


def finished_exec(rows: QuerySet[Operation], result: object) -> bool:
    """End an exec with what the shim recorded: a result, or the fault in its place.

    Without either nobody saw its end, which is no success.
    """
    if not isinstance(result, Mapping) or not result:
        cut = Interrupted("the command was cut short; its effect is unknown")
        return end(rows, Status.FAILED, error=problem(cut))
    told = dict(result)
    fault = told.get("fault")
    if isinstance(fault, dict):
        return end(rows, Status.FAILED, error=fault)
    return end(rows, Status.SUCCEEDED, result=told)


def _settle_stops(event: ContainerEvent) -> None:
    """A stop ends when its container has: by the event that names it, or by any later end."""
    if event.record.state not in STOPPED:
        return
    running = _running(event).filter(kind=kinds.CONTAINER_STOP.code)
    named = Q(pk=event.operation) if event.operation is not None else Q(pk="")
    later = Q(handed_over=True, handed_version__lt=event.record.version)
    for operation in running.filter(named | later):
        end(running.filter(pk=operation.pk), Status.SUCCEEDED, result=stopped(event))


def _settle_restarts(event: ContainerEvent) -> None:
    """A restart ends by the event that names it; others' ends of its container tell no reason,
    the reconciler finds that in the engine's mark."""
    if event.operation is None:
        return
    named = _running(event).filter(kind=kinds.CONTAINER_RESTART.code, pk=event.operation)
    if event.action == "started":
        restarted(named, event.record)
    elif event.action == "exited":
        fault = (event.result or {}).get("fault") or problem(NOT_RESTARTED)
        end(named, Status.FAILED, error=fault)


def restarted(rows: QuerySet[Operation], record: ContainerRecord) -> bool:
    """End a restart whose container runs again."""
    if not rows.exists():
        return False
    name = Container.objects.filter(pk=record.id).values_list("name", flat=True).first()
    told = {"id": record.id, "name": name or record.id[:12], "state": record.state}
    return end(rows, Status.SUCCEEDED, result=told)


def _rename(container: Container, event: ContainerEvent) -> None:
    """Show the name that the engine has, unless another container of the team shows it."""
    name = event.record.spec.get("name")
    if name and name != container.name and container.version == event.record.version:
        with suppress(Conflict):
            take_name(container.pk, name)
            container.name = name


def stopped(event: ContainerEvent) -> dict[str, object]:
    """Return the result of a stop."""
    return {"exit_code": event.record.exit_code, "oom_killed": event.record.oom_killed}


def missing(container: str) -> dict[str, object]:
    """Return the problem of an operation whose container is gone."""
    return problem(NotFound("container", container))


def _running(event: ContainerEvent) -> QuerySet[Operation]:
    return Operation.objects.filter(target=event.record.id, status=Status.RUNNING)
