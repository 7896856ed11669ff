"""Change a container: one POST for each verb, answered by a toast or a redirect."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action, require
from panel.operations.models import Operation
from panel.operations.submit import submit
from panel.web import frame, words
from panel.web.container import find
from panel.web.visit import back, is_part, member


@require_POST
@member
def act(request: HttpRequest, actor: Actor, container: str, verb: str) -> HttpResponse:
    """Queue `verb` for a container."""
    row = find(actor, container)
    require(actor, Action.CONTAINER_CHANGE, row)
    params: dict[str, Any] = {"force": True} if verb == "delete" else {}
    if verb == "rename":
        params = {"name": request.POST.get("name", "").strip()}
    operation = submit(
        f"container.{verb}",
        actor=actor,
        target=row.pk,
        params=params,
    )
    away = reverse("web:containers") if verb == "delete" and request.POST.get("leave") else ""
    if verb == "rename":
        away = reverse("web:container", args=[row.pk])
    return asked_for(request, operation, row.name, away=away)


def asked_for(
    request: HttpRequest, operation: Operation, name: str, *, away: str = ""
) -> HttpResponse:
    """Say what was asked for: a toast that follows the operation, here or on the page `away`."""
    text = f"{words.verb(operation.kind).doing} {name}"
    if is_part(request) and not away:
        notes = [{"text": text, "kind": "busy", "operation": operation.pk}]
        return render(request, "frame/toasts_only.html", {"toasts": notes})
    messages.info(request, text, extra_tags=frame.operation_tag(operation))
    if is_part(request):
        return HttpResponse(headers={"HX-Redirect": away})
    return HttpResponseRedirect(away or back(request, reverse("web:containers")))
