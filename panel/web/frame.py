"""What stands around every page: teams, counts, the dock of running operations, toasts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib.messages import get_messages
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from panel.accounts.actors import Actor, teams_of
from panel.accounts.permissions import Action, may
from panel.eventlog.since import newest
from panel.inventory.models import Container
from panel.inventory.queries import containers_of, images_of
from panel.operations import kinds
from panel.operations.models import UNFINISHED, Operation
from panel.web import words

THEMES = ("light", "dark")
SESSION_DISMISSED = "dismissed"
DOCK_LIMIT = 6
DOCK_KEEPS_FAILED = timedelta(hours=12)
_OPERATION_TAG = "operation-"


def theme(request: HttpRequest) -> str:
    """Return the theme the visitor chose, empty for the system's."""
    chosen = request.COOKIES.get("theme", "")
    return chosen if chosen in THEMES else ""


def around(request: HttpRequest, actor: Actor) -> dict[str, Any]:
    """Return the frame's context. The sequence is read first, so nothing after it is missed."""
    seq = newest()
    unfinished = Operation.objects.filter(
        team_id=actor.team_id, klass="change", status__in=UNFINISHED
    ).exclude(kind=kinds.CONTAINER_SESSION.code)
    mine = dock(request, actor)
    return {
        "seq": seq,
        "actor": actor,
        "teams": teams_of(actor.user_id),
        "allowed": allowed(actor),
        "container_count": containers_of(actor.team_id).count(),
        "image_count": images_of(actor.team_id).count(),
        "unfinished_count": unfinished.count(),
        "dock": mine,
        "dock_running": sum(one.status in UNFINISHED for one in mine),
        "toasts": toasts(request),
    }


def allowed(actor: Actor) -> dict[str, bool]:
    """Return what the visitor may ever do in the team; buttons for the rest are not shown."""
    return {
        "change": may(actor, Action.CONTAINER_CHANGE),
        "exec": may(actor, Action.CONTAINER_EXEC),
        "load": may(actor, Action.IMAGE_LOAD),
        "delete_image": may(actor, Action.IMAGE_DELETE),
        "cancel": may(actor, Action.OPERATION_CANCEL),
    }


def dock(request: HttpRequest, actor: Actor) -> list[Operation]:
    """Return this person's unfinished operations, and failed ones that were not dismissed."""
    fresh = timezone.now() - DOCK_KEEPS_FAILED
    failed = Q(status="failed", finished__gt=fresh)
    dismissed = request.session.get(SESSION_DISMISSED, [])
    mine = (
        Operation.objects.filter(Q(status__in=UNFINISHED) | failed)
        .filter(team_id=actor.team_id, user_id=actor.user_id, klass="change")
        .exclude(pk__in=dismissed)
        .exclude(kind=kinds.CONTAINER_SESSION.code)  # its own page says how it fares
        .order_by("-number")
    )
    return named(mine, DOCK_LIMIT)


def named(rows: QuerySet[Operation], limit: int | None = None) -> list[Operation]:
    """Return the first operations, each with `target_name`: what a reader calls its target.

    Their parameters are left out, of which a create's may be large.
    """
    light = rows.defer("params").annotate(spec_name=F("params__spec__name"))
    operations: list[Operation] = list(light[:limit])
    names = container_names(operation.target for operation in operations)
    for operation in operations:
        given = names.get(operation.target) or _name_inside(operation)
        operation.target_name = given  # type: ignore[attr-defined]  # for templates only
    return operations


def container_names(ids: Iterable[str]) -> dict[str, str]:
    """Return the names of containers, deleted ones too, by id."""
    rows = Container.objects.filter(pk__in=set(ids))
    return dict(rows.values_list("pk", "name"))


def toasts(request: HttpRequest) -> list[dict[str, str]]:
    """Return what a former request left to say; an operation is followed until it ended."""
    tones = {"error": "bad", "success": "good", "warning": "warn"}
    notes = []
    for message in get_messages(request):
        tag = message.extra_tags or ""
        operation = tag.removeprefix(_OPERATION_TAG) if tag.startswith(_OPERATION_TAG) else ""
        kind = tones.get(message.level_tag, "busy" if operation else "idle")
        notes.append({"text": str(message.message), "kind": kind, "operation": operation})
    return notes


def operation_tag(operation: Operation) -> str:
    """Return the message tag by which `toasts` finds the operation again."""
    return f"{_OPERATION_TAG}{operation.pk}"


def _name_inside(operation: Operation) -> str:
    """Return what parameters, target or result call it; an unread archive has no name."""
    named_spec = operation.spec_name  # type: ignore[attr-defined]  # annotated
    if operation.kind != "image.load":
        return str(named_spec or words.familiar(operation.target))
    loaded = (operation.result or {}).get("images", [])
    names = [words.familiar(name) for image in loaded for name in image.get("references", [])]
    return ", ".join(names) or "from an archive"
