"""Change a container's limits and restart policy: the form, and what is wrong with it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action, require
from panel.inventory.models import Container
from panel.operations.models import Operation
from panel.operations.submit import submit
from panel.policy.rules import Refused
from panel.web.actions import asked_for
from panel.web.container import find
from panel.web.limits_form import LimitsForm
from panel.web.visit import member, page
from runtime.errors import InvalidSpec


@require_http_methods(["GET", "POST"])
@member
def change(request: HttpRequest, actor: Actor, container: str) -> HttpResponse:
    """Show the form; take it, and lead back to the container."""
    row = find(actor, container)
    require(actor, Action.CONTAINER_CHANGE, row)
    if request.method == "GET":
        return _form(request, actor, row, LimitsForm.of(row.record.get("spec") or {}))
    form = LimitsForm.typed(request.POST)
    wish = form.wish()
    operation = _submit(actor, row, form, wish) if wish is not None else None
    if operation is None:
        return _form(request, actor, row, form, status=422)
    away = reverse("web:container", args=[row.pk])
    return asked_for(request, operation, row.name, away=away)


def _submit(
    actor: Actor, row: Container, form: LimitsForm, wish: dict[str, Any]
) -> Operation | None:
    """Queue the change, or return None with the form's errors filled."""
    try:
        return submit("container.update", actor=actor, target=row.pk, params=wish)
    except Refused as fault:
        for refusal in fault.refusals:
            form.refuse(refusal.field, refusal.reason)
    except InvalidSpec as fault:
        form.refuse(fault.field, fault.reason)
    return None


def _form(
    request: HttpRequest, actor: Actor, row: Container, form: LimitsForm, *, status: int = 200
) -> HttpResponse:
    context = {"container": row, "form": form}
    return page(request, actor, "containers/limits.html", context, status=status)
