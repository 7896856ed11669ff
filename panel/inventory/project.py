"""Bring the picture up to a record. Anything may arrive in any order and twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import IntegrityError, transaction

from panel.accounts.models import Team
from panel.inventory.models import Container
from runtime.errors import Conflict
from runtime.events import ContainerRecord
from runtime.spec.container import ContainerSpec
from runtime.spec.limits import Limits

DEAD = "dead"
ALIVE = ("running", "paused")


def keep_place(container: str, spec: ContainerSpec, *, team_id: int, node: str) -> Container:
    """Insert the row of a container that is about to be created, with version 0.

    The database lets one row per team have a name, so of many that want it one gets it. Raises
    Conflict for the others.
    """
    try:
        with transaction.atomic():
            return Container.objects.create(
                id=container,
                team_id=team_id,
                node=node,
                name=spec.name or container[:12],
                image=spec.image,
                record={"spec": spec.to_json()},
                memory_bytes=spec.limits.memory_bytes,
                cpus=spec.limits.cpus,
            )
    except IntegrityError:
        raise Conflict(f"the name {spec.name} is taken by another container") from None


def take_name(container: str, name: str) -> None:
    """Let a container have `name` in its team. Raises Conflict where another one has it."""
    try:
        with transaction.atomic():
            Container.objects.filter(pk=container).update(name=name)
    except IntegrityError:
        raise Conflict(f"the name {name} is taken by another container") from None


def keep_room(container: str, limits: Limits) -> None:
    """Count a container with `limits` in what its team uses, ahead of its record."""
    Container.objects.filter(pk=container).update(
        memory_bytes=limits.memory_bytes, cpus=limits.cpus
    )


def give_place_up(container: str) -> bool:
    """Free the name of a container that was never created, and say whether there was one."""
    return bool(
        Container.objects.filter(pk=container, version=0, deleted=False).update(
            deleted=True, state=DEAD
        )
    )


def project_container(record: ContainerRecord, *, node: str) -> Container | None:
    """Bring a container's row up to `record` unless it is as new; return whose it is, and its name.

    None where the record's namespace is no team of this database.
    """
    changed = _columns(record)
    Container.objects.filter(pk=record.id, version__lt=record.version).update(**changed)
    row = Container.objects.only("team", "name", "version").filter(pk=record.id).first()
    if row is not None:
        return row
    team = Team.objects.filter(slug=record.namespace).first()
    if team is None:
        return None
    return _insert(record, team, node)


def is_drawn(record: ContainerRecord) -> bool:
    """Say whether the picture shows `record` or something newer."""
    return Container.objects.filter(pk=record.id, version__gte=record.version).exists()


def draw_probes(records: Sequence[ContainerRecord]) -> int:
    """Show results of health checks, which come without a new version; say how many were new."""
    if not records:
        return 0
    with transaction.atomic():
        return sum(
            Container.objects.filter(pk=record.id, version=record.version).update(
                record=record.to_json(), checked=checked(record)
            )
            for record in records
        )


def checked(record: ContainerRecord) -> datetime | None:
    """Return when the last result of the health check came in."""
    log = record.health.log if record.health is not None else ()
    return moment(log[-1].finished_ns) if log else None


def _health(record: ContainerRecord) -> str:
    return record.health.status if record.health is not None and record.state in ALIVE else ""


def _insert(record: ContainerRecord, team: Team, node: str) -> Container:
    try:
        with transaction.atomic():
            return Container.objects.create(
                id=record.id, team=team, node=node, **_identity(record), **_columns(record)
            )
    except IntegrityError:
        pass
    row = Container.objects.filter(pk=record.id).first()
    if row is not None:
        return row
    # The name belongs to a newer row: what the engine has is shown under its id.
    identity = {**_identity(record), "name": record.id}
    return Container.objects.create(
        id=record.id, team=team, node=node, **identity, **_columns(record)
    )


def _identity(record: ContainerRecord) -> dict[str, Any]:
    spec: Mapping[str, Any] = record.spec
    return {"name": spec.get("name") or record.id[:12], "image": spec.get("image", "")}


def _columns(record: ContainerRecord) -> dict[str, Any]:
    limits: Mapping[str, Any] = record.spec.get("limits") or {}
    return {
        "memory_bytes": limits.get("memory_bytes"),
        "cpus": limits.get("cpus"),
        "version": record.version,
        "state": record.state,
        "record": record.to_json(),
        "created": moment(record.created_ns),
        "started": moment(record.started_ns),
        "finished": moment(record.finished_ns),
        "exit_code": record.exit_code,
        "oom_killed": record.oom_killed,
        "health": _health(record),
        "checked": checked(record),
        "deleted": record.state == DEAD,
    }


def moment(time_ns: int | None) -> datetime | None:
    """Return nanoseconds since the epoch as a time in UTC, to the microsecond."""
    if time_ns is None:
        return None
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
