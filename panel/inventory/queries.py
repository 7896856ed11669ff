"""Ask the picture. Everything here is asked for one team."""

from __future__ import annotations

from django.db.models import Count, F, QuerySet, Sum

from panel.inventory.models import Container, Image
from panel.policy.rules import Usage
from runtime.errors import NotFound


def containers_of(team_id: int) -> QuerySet[Container]:
    """Return the team's containers that are not deleted, newest first."""
    return Container.objects.filter(team_id=team_id, deleted=False)


def without_record(rows: QuerySet[Container]) -> QuerySet[Container]:
    """Return the same rows without their record, which may be large; lists show little of it.

    Of the record each row has `command`, the words that run, and `made_of`, the image's id.
    """
    parts = {"command": F("record__command"), "made_of": F("record__image_id")}
    return rows.defer("record").annotate(**parts)


def find_container(team_id: int, name: str) -> Container:
    """Return the team's container with this id or name. Raises NotFound, also for foreign ones."""
    mine = containers_of(team_id)
    found = mine.filter(pk=name).first() or mine.filter(name=name).first()
    if found is None:
        raise NotFound("container", name)
    return found


def images_of(team_id: int) -> QuerySet[Image]:
    """Return the team's images on all nodes."""
    return Image.objects.filter(team_id=team_id)


def usage_of(team_id: int, *, without: str | None = None) -> Usage:
    """Return what the team's containers are allowed to use in all, but for one of them."""
    rows = containers_of(team_id)
    if without is not None:
        rows = rows.exclude(pk=without)
    sums = rows.order_by().aggregate(
        containers=Count("pk"), memory=Sum("memory_bytes"), cpus=Sum("cpus")
    )
    return Usage(
        containers=sums["containers"],
        memory_bytes=sums["memory"] or 0,
        cpus=sums["cpus"] or 0.0,
    )
