"""Make good what was lost: doorbells, owners, events. Level-triggered, harmless at any time.

The node agent calls `reconcile` every few seconds; nothing here drives the engine, which only
answers questions.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Q, QuerySet
from django.utils import timezone

from panel.accounts.models import Team
from panel.eventlog import prune as events
from panel.inventory.images import project_images
from panel.inventory.models import Container
from panel.inventory.project import checked, draw_probes, give_place_up
from panel.operations import kinds, lease, retention
from panel.operations.doorbell import ring_noted
from panel.operations.finish import end
from panel.operations.models import UNFINISHED, Operation, Status
from panel.operations.params import IDENTITY
from panel.operations.problem import problem
from panel.operations.settle import (
    NOT_RESTARTED,
    finished_exec,
    missing,
    restarted,
    settle_from_event,
)
from runtime.errors import Interrupted, NotFound, RuntimeFault
from runtime.events import ContainerEvent, ContainerRecord, ImageSummary, OnceRecord

logger = logging.getLogger(__name__)
Row = TypeVar("Row")

RING_AGAIN = timedelta(seconds=30)
TAKE_OVER_AGAIN = timedelta(seconds=5)
ACTIONS = {
    "created": "created",
    "running": "started",
    "paused": "paused",
    "exited": "exited",
    "dead": "deleted",
}


class Containers(Protocol):
    """What is asked of the engine's containers."""

    def list(self) -> list[ContainerRecord]:
        """Return the records of all containers."""

    def inspect(self, container: str) -> ContainerRecord:
        """Return one record. Raises NotFound."""

    def once(self, container: str, operation: str) -> OnceRecord | None:
        """Return what is recorded of a once operation."""


class Images(Protocol):
    """What is asked of the engine's images."""

    def list(self, namespace: str | None = None) -> Iterable[ImageSummary]:
        """Return the images of all namespaces."""


class Engine(Protocol):
    """The engine of this node, as far as it is asked here."""

    @property
    def containers(self) -> Containers:
        """Return the door to the containers."""

    @property
    def images(self) -> Images:
        """Return the door to the images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """How much one round had to do; all zero on a quiet node."""

    rung: int = 0
    projected: int = 0
    settled: int = 0
    pruned: int = 0


def reconcile(engine: Engine, *, node: str) -> Findings:
    """Do one whole round for `node`.

    What fails, a step or a row of it, is logged and keeps nothing else from being done.
    """
    rung = _tried(partial(ring_again, node))
    projected = _tried(partial(compare, engine, node=node))
    _tried(partial(compare_images, engine.images, node=node))
    settled = _tried(partial(settle_handed_over, engine.containers, node=node))
    settled += _tried(partial(end_streams, node))
    return Findings(rung=rung, projected=projected, settled=settled, pruned=_tried(prune))


def is_awaited(container: str) -> bool:
    """Say whether an operation on a container is under way; while that is unknown it is.

    Whoever takes a create over must find what an earlier attempt has made, not make it again.
    """
    try:
        return Operation.objects.filter(target=container, status__in=UNFINISHED).exists()
    except DatabaseError as error:
        logger.warning("container %s is not removed in this round: %s", container, error)
        return True


def ring_again(node: str) -> int:
    """Ring operations whose bell was lost, or whose owner is dead; say how many."""
    now = timezone.now()
    mine = Operation.objects.filter(node=node, klass="change", handed_over=False)
    lost = Q(rung=None) | Q(rung__lt=now - RING_AGAIN) | Q(rung__gt=now + RING_AGAIN)
    due = list(mine.filter(lost, status__in=UNFINISHED).order_by("number"))
    orphans = mine.filter(status=Status.RUNNING, rung__lt=now - TAKE_OVER_AGAIN)
    due += [row for row in orphans.order_by("number") if row not in due and _is_orphan(row)]
    return _each(due, _ring)


def compare(engine: Engine, *, node: str) -> int:
    """Bring the picture to what the engine says now, and say how many containers differed.

    Results of health checks make no difference, but are drawn.
    """
    rows = Container.objects.filter(node=node, deleted=False)
    seen = {pk: (version, at) for pk, version, at in rows.values_list("pk", "version", "checked")}
    before = {pk: version for pk, (version, _) in seen.items()}
    records = engine.containers.list()
    stale = [one for one in records if before.get(one.id, -1) < one.version]
    there = {record.id for record in records}
    unknown = [pk for pk in before if pk not in there]
    probed = [one for one in records if one.health and seen.get(one.id) != _seen(one)]
    _tried(partial(draw_probes, [one for one in probed if before.get(one.id) == one.version]))

    def draw(record: ContainerRecord) -> bool:
        settle_from_event(_event(record), node=node)
        return True

    def forget(container: str) -> bool:
        return _is_gone(engine.containers, container) and _forget(
            container, before[container], node
        )

    return _each(stale, draw) + _each(unknown, forget)


def compare_images(images: Images, *, node: str) -> int:
    """Bring the picture of the images to what the engine lists; say how many teams differed."""
    listed = list(images.list())
    return _each(Team.objects.all(), lambda team: project_images(node, listed, team=team))


def settle_handed_over(containers: Containers, *, node: str) -> int:
    """End handed-over operations whose end the engine has recorded; say how many."""
    waiting = Operation.objects.filter(node=node, status=Status.RUNNING, handed_over=True)
    return _each(waiting.order_by("number"), partial(_settle, containers))


def end_streams(node: str) -> int:
    """End streams whose ticket nobody redeemed in time, or whose agent is dead."""
    streams = Operation.objects.filter(node=node, klass="stream")
    late = streams.filter(status=Status.QUEUED, ticket_expires__lt=timezone.now())
    running = streams.filter(status=Status.RUNNING)
    cut = problem(Interrupted("the node agent ended before the stream did"))

    def cancel(row: Operation) -> bool:
        return end(late.filter(pk=row.pk), Status.CANCELLED)

    def cut_off(row: Operation) -> bool:
        mine = running.filter(pk=row.pk, fence=row.fence)
        return _is_orphan(row) and end(mine, Status.FAILED, error=cut)

    return _each(late, cancel) + _each(running, cut_off)


def prune() -> int:
    """Drop rows that are older than the settings keep them; say how many."""
    now = timezone.now()
    steps = (
        partial(events.prune, now - timedelta(days=settings.EVENTS_KEPT_DAYS)),
        partial(retention.prune, now - timedelta(days=settings.OPERATIONS_KEPT_DAYS)),
    )
    return sum(_tried(step) for step in steps)


def _tried(step: Callable[[], int]) -> int:
    """Return how much a step had to do; nothing where it failed, which the log tells."""
    try:
        return step()
    except Exception:
        logger.exception("a step of the round failed; the next round tries again")
        return 0


def _each(rows: Iterable[Row], work: Callable[[Row], bool]) -> int:
    """Do the work for each row, and say for how many it did something. Failures are logged."""
    return sum(_tried(partial(work, row)) for row in rows)


def _ring(row: Operation) -> bool:
    row.rung = None
    ring_noted(row)
    return True


def _seen(record: ContainerRecord) -> tuple[int, datetime | None]:
    return record.version, checked(record)


def _is_orphan(row: Operation) -> bool:
    owner = lease.held(row)
    return owner is None or owner.is_dead


def _event(record: ContainerRecord) -> ContainerEvent:
    """Return the event that a change to this record has most likely been."""
    action = ACTIONS.get(record.state, "updated")
    return ContainerEvent(action=action, time_ns=time.time_ns(), record=record)


def _is_gone(containers: Containers, container: str) -> bool:
    try:
        containers.inspect(container)
    except NotFound:
        return True
    return False


def _forget(container: str, version: int, node: str) -> bool:
    """Take a container that the engine does not know out of the picture."""
    busy = Operation.objects.filter(target=container, exclusive=True, status__in=UNFINISHED)
    if busy.exists():
        return False
    if version == 0:
        return give_place_up(container)
    row = Container.objects.filter(pk=container, version=version, deleted=False).first()
    if row is None:
        return False
    last = ContainerRecord.from_json(row.record)
    plain = {**last.to_json(), "state": "dead", "version": version + 1, "pid": None}
    record = ContainerRecord.from_json(plain)
    settle_from_event(_event(record), node=node)
    return True


def _settle(containers: Containers, row: Operation) -> bool:
    this = Operation.objects.filter(pk=row.pk, status=Status.RUNNING, handed_over=True)
    if not IDENTITY.fullmatch(row.target):
        return end(this, Status.FAILED, error=missing(row.target))
    try:
        record = containers.inspect(row.target)
        once = containers.once(row.target, row.pk)
    except NotFound:
        return end(this, Status.FAILED, error=missing(row.target))
    except RuntimeFault as fault:
        logger.warning("operation %s not settled in this round: %s", row.pk, fault)
        return False
    if row.kind in kinds.EXECS:
        return _settle_exec(this, record, once)
    if row.kind == kinds.CONTAINER_RESTART.code:
        return _settle_restart(this, record, once)
    if record.state in ("exited", "dead", "created"):
        told = {"exit_code": record.exit_code, "oom_killed": record.oom_killed}
        return end(this, Status.SUCCEEDED, result=told)
    return False


def _settle_exec(
    this: QuerySet[Operation], record: ContainerRecord, once: OnceRecord | None
) -> bool:
    if once is not None and once.state == "done":
        if once.fault is not None:
            return end(this, Status.FAILED, error=once.fault)
        return finished_exec(this, once.result)
    if once is not None and once.state == "interrupted":
        cut = Interrupted("the command was cut short; its effect is unknown")
        return end(this, Status.FAILED, error=problem(cut))
    if once is None and record.state not in ("running", "paused"):
        return end(this, Status.FAILED, error=problem(Interrupted("the container ended first")))
    return False


def _settle_restart(
    this: QuerySet[Operation], record: ContainerRecord, once: OnceRecord | None
) -> bool:
    if once is not None and once.state == "begun":
        return False
    if once is None or once.state == "interrupted":
        return end(this, Status.FAILED, error=problem(NOT_RESTARTED))
    if once.fault is not None:
        return end(this, Status.FAILED, error=once.fault)
    return restarted(this, record)
