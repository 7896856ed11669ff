"""The list of containers: search, state, what is under way, live rows."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action, require
from panel.inventory.models import Container
from panel.inventory.queries import containers_of, without_record
from panel.operations import kinds
from panel.operations.models import UNFINISHED, Operation
from panel.web import search
from panel.web.visit import is_part, known_rows, member, page

PAGE = 100
KEYS = frozenset({"state", "health", "image", "name", "node"})
ATTENTION = "attention"


@require_GET
@member
def container_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Show the team's containers that fit the search, newest first."""
    require(actor, Action.CONTAINER_VIEW)
    asked = request.GET.get("q", "").strip()
    everything = containers_of(actor.team_id)
    shown = Paginator(without_record(_fitting(everything, asked)), PAGE).get_page(
        request.GET.get("page")
    )
    found = list(shown.object_list)
    rows = [*found, *_known_but_hidden(request, actor, found)]
    context = {
        "asked": asked,
        "shown": shown,
        "rows": with_doing(rows),
        "running": everything.filter(state="running").count(),
        "attention": _troubled(everything).count(),
    }
    return page(request, actor, "containers/list.html", context)


def with_doing(rows: Sequence[Container]) -> Sequence[Container]:
    """Give each container `doing`: the kind of its unfinished operation, empty if there is none.

    A session may go on for days, and nothing about the container changes by it.
    """
    under_way = Operation.objects.filter(
        target__in=[row.pk for row in rows], status__in=UNFINISHED, klass="change"
    )
    under_way = under_way.exclude(kind=kinds.CONTAINER_SESSION.code).order_by("number")
    doing = dict(under_way.values_list("target", "kind"))
    for row in rows:
        row.doing = doing.get(row.pk, "")  # type: ignore[attr-defined]  # for templates only
    return rows


def _fitting(rows: QuerySet[Container], asked: str) -> QuerySet[Container]:
    wanted = search.parse(asked, KEYS)
    for word in wanted.words:
        rows = rows.filter(
            Q(name__icontains=word) | Q(image__icontains=word) | Q(pk__startswith=word)
        )
    for key, value in wanted.keys.items():
        if key == "state":
            troubled = value == ATTENTION
            rows = _troubled(rows) if troubled else rows.filter(state=value.lower())
        elif key == "health":
            rows = rows.filter(health=value.lower())
        else:
            rows = rows.filter(**{f"{key}__icontains": value})
    return rows


def _troubled(rows: QuerySet[Container]) -> QuerySet[Container]:
    """Return those that ended badly, a failure or killed for memory, and the unhealthy ones."""
    stopped_by_hand = Q(exit_code__in=(0, 130, 137, 143))
    ended_badly = Q(state="exited") & ~(stopped_by_hand & Q(oom_killed=False))
    return rows.filter(ended_badly | Q(health="unhealthy"))


def _known_but_hidden(
    request: HttpRequest, actor: Actor, shown: Sequence[Container]
) -> list[Container]:
    """Return what the asking page shows and the search no longer finds: rows never vanish."""
    if not is_part(request):
        return []
    missing = set(known_rows(request)) - {row.pk for row in shown}
    hidden = Container.objects.filter(team_id=actor.team_id, pk__in=missing)
    return list(without_record(hidden))
