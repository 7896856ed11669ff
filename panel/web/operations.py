"""Operations: the list, one of them, cancelling, and the toast that follows one."""

from __future__ import annotations

import json

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action, require
from panel.inventory.models import Container
from panel.operations import cancel as cancelling
from panel.operations.models import UNFINISHED, Operation
from panel.web import frame, search, words
from panel.web.visit import back, is_part, member, page
from runtime.errors import NotFound

PAGE = 50
KEYS = frozenset({"status", "kind", "by", "target"})
DISMISSED_KEPT = 100
LONGEST_NUMBER = 18
"""Digits; what is longer is no number of a row."""


@require_GET
@member
def operation_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Show what was asked for in the team, newest first."""
    require(actor, Action.OPERATION_VIEW)
    asked = request.GET.get("q", "").strip()
    rows = _fitting(_changes(actor), actor, asked)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdecimal() and len(before) <= LONGEST_NUMBER:
        rows = rows.filter(number__lt=int(before))
    shown = frame.named(rows.select_related("user").order_by("-number"), PAGE + 1)
    context = {
        "asked": asked,
        "rows": shown[:PAGE],
        "older": shown[PAGE - 1].number if len(shown) > PAGE else None,
        "newer": bool(before),
    }
    return page(request, actor, "operations/list.html", context)


@require_GET
@member
def operation_detail(request: HttpRequest, actor: Actor, operation: str) -> HttpResponse:
    """Show one operation: who asked, how far it is, what went wrong and the way out."""
    row = _find(actor, operation)
    container = Container.objects.filter(pk=row.target, team_id=actor.team_id).first()
    text = json.dumps(row.error, indent=2, sort_keys=True, ensure_ascii=False)
    context = {"operation": row, "container": container, "error_text": text}
    return page(request, actor, "operations/detail.html", context)


@require_POST
@member
def cancel(request: HttpRequest, actor: Actor, operation: str) -> HttpResponse:
    """Ask an operation to stop."""
    row = _find(actor, operation)
    require(actor, Action.OPERATION_CANCEL, row)
    cancelling.request(row, actor=actor)
    if is_part(request):
        notes = [{"text": "Asked to stop", "kind": "busy", "operation": row.pk}]
        return render(request, "frame/toasts_only.html", {"toasts": notes})
    return HttpResponseRedirect(back(request, reverse("web:operations")))


@require_POST
@member
def dismiss(request: HttpRequest, actor: Actor, operation: str) -> HttpResponse:
    """Take a failed operation out of this person's dock."""
    row = _find(actor, operation)
    dismissed = [*request.session.get(frame.SESSION_DISMISSED, []), row.pk]
    request.session[frame.SESSION_DISMISSED] = dismissed[-DISMISSED_KEPT:]
    if is_part(request):
        return HttpResponse(status=204)
    return HttpResponseRedirect(back(request))


@require_GET
@member
def toast(request: HttpRequest, actor: Actor, operation: str) -> HttpResponse:
    """Say in one line where an operation stands."""
    row = _find(actor, operation)
    verb, name = words.verb(row.kind), row.target_name  # type: ignore[attr-defined]
    text, kind = {
        "succeeded": (f"{name} {verb.done}", "good"),
        "failed": (f"{verb.name} {name}: {words.reason(row.error)}", "bad"),
        "cancelled": (f"{verb.name} {name} was cancelled", "idle"),
    }.get(row.status, (f"{verb.doing} {name}", "busy"))
    notes = [
        {"text": text, "kind": kind, "operation": row.pk, "final": row.status not in UNFINISHED}
    ]
    return render(request, "frame/toasts_only.html", {"toasts": notes})


def _changes(actor: Actor) -> QuerySet[Operation]:
    return Operation.objects.filter(team_id=actor.team_id, klass="change")


def _find(actor: Actor, operation: str) -> Operation:
    found = frame.named(Operation.objects.filter(team_id=actor.team_id, pk=operation))
    if not found:
        raise NotFound("operation", operation)
    require(actor, Action.OPERATION_VIEW, found[0])
    return found[0]


def _fitting(rows: QuerySet[Operation], actor: Actor, asked: str) -> QuerySet[Operation]:
    wanted = search.parse(asked, KEYS)
    fields = {"status": "status", "kind": "kind__icontains", "by": "user__username"}
    for key, value in wanted.keys.items():
        if key in fields:
            rows = rows.filter(**{fields[key]: value.lower() if key == "status" else value})
    for word in [*wanted.words, *filter(None, [wanted.keys.get("target")])]:
        named = Container.objects.filter(team_id=actor.team_id, name__icontains=word).values("pk")
        hit = Q(target__icontains=word) | Q(target__in=named) | Q(pk__startswith=word)
        rows = rows.filter(hit | Q(kind__icontains=word))
    return rows
