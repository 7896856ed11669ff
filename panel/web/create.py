"""Create a container: the form, and what it says when something is wrong with it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action, require
from panel.inventory.queries import images_of
from panel.operations.submit import submit
from panel.policy.rules import Refused
from panel.web import frame, words
from panel.web.create_form import CreateForm
from panel.web.visit import member, page
from runtime.errors import Conflict, InvalidSpec
from runtime.spec.container import ContainerSpec


@require_http_methods(["GET", "POST"])
@member
def create(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Show the form; take it, and lead to the new container."""
    require(actor, Action.CONTAINER_CHANGE)
    if request.method == "GET":
        return _form(request, actor, CreateForm.blank(request.GET.get("image", "")))
    form = CreateForm.typed(request.POST)
    spec = form.spec(actor.team_slug)
    target = _submit(request, actor, form, spec) if spec is not None else None
    if target is None:
        return _form(request, actor, form, status=422)
    return HttpResponseRedirect(reverse("web:container", args=[target]))


def _submit(
    request: HttpRequest, actor: Actor, form: CreateForm, spec: ContainerSpec
) -> str | None:
    """Queue the creation and return the container's id, or None with the form's errors filled."""
    params = {"spec": spec.to_json(), "start": form.start}
    try:
        operation = submit("container.create", actor=actor, params=params)
    except Refused as fault:
        for refusal in fault.refusals:
            form.refuse(refusal.field, refusal.reason)
        return None
    except InvalidSpec as fault:
        form.refuse(fault.field, fault.reason)
        return None
    except Conflict as fault:
        form.refuse("name", str(fault))
        return None
    text = f"Creating {spec.name or 'the container'}"
    messages.info(request, text, extra_tags=frame.operation_tag(operation))
    return operation.target


def _form(
    request: HttpRequest, actor: Actor, form: CreateForm, *, status: int = 200
) -> HttpResponse:
    images = images_of(actor.team_id).order_by("image_id")
    references = sorted({words.familiar(name) for image in images for name in image.references})
    context: dict[str, Any] = {"form": form, "references": references}
    return page(request, actor, "containers/create.html", context, status=status)
