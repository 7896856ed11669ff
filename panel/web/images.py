"""Images of the team: the list, what uses them, deleting one, and uploading an archive."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET, require_http_methods

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action, require
from panel.inventory.models import Container, Image
from panel.inventory.queries import containers_of, images_of, without_record
from panel.operations.models import UNFINISHED, Operation
from panel.operations.submit import submit
from panel.web import frame, search, words
from panel.web.actions import asked_for
from panel.web.visit import member, page

KEYS = frozenset({"used"})


@require_GET
@member
def image_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Show the team's images that fit the search, and what is being loaded."""
    require(actor, Action.IMAGE_VIEW)
    asked = request.GET.get("q", "").strip()
    everything = with_users(actor, list(images_of(actor.team_id)))
    loading = Operation.objects.filter(
        team_id=actor.team_id, kind="image.load", status__in=UNFINISHED
    ).order_by("-number")
    context = {
        "asked": asked,
        "rows": _fitting(everything, asked),
        "total": sum(image.size for image in everything),
        "loading": frame.named(loading),
    }
    return page(request, actor, "images/list.html", context)


@require_http_methods(["GET", "POST"])
@member
def delete(request: HttpRequest, actor: Actor, image: int) -> HttpResponse:
    """Say what goes with an image's name; take the name away."""
    row = images_of(actor.team_id).filter(pk=image).first()
    reference = request.POST.get("reference") or request.GET.get("reference", "")
    if row is None or reference not in [*row.references, row.image_id]:
        raise Http404("no such image")
    require(actor, Action.IMAGE_DELETE, row)
    if request.method == "GET":
        context = {"image": with_users(actor, [row])[0], "reference": reference}
        return page(request, actor, "images/delete.html", context)
    operation = submit("image.delete", actor=actor, node=row.node, target=reference, params={})
    return asked_for(request, operation, words.familiar(reference), away="/images/")


@require_GET
@member
def upload(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Show the form that sends an archive, and the same for the command line."""
    require(actor, Action.IMAGE_LOAD)
    return page(request, actor, "images/upload.html", {"node": settings.NODE_NAME})


def with_users(actor: Actor, images: list[Image]) -> list[Image]:
    """Give each image `users`: the containers made of it."""
    containers = list(without_record(containers_of(actor.team_id)))
    for image in images:
        users = [row for row in containers if _uses(row, image)]
        image.users = users  # type: ignore[attr-defined]  # for templates only
    return images


def _uses(container: Container, image: Image) -> bool:
    known = container.made_of  # type: ignore[attr-defined]  # annotated
    return known == image.image_id if known else container.image in image.references


def _fitting(images: list[Image], asked: str) -> list[Image]:
    wanted = search.parse(asked, KEYS)
    used = {"yes": True, "no": False}.get(wanted.keys.get("used", "").lower())
    kept = []
    for image in images:
        text = " ".join([*image.references, image.image_id]).lower()
        if not all(word.lower() in text for word in wanted.words):
            continue
        if used is None or bool(image.users) == used:  # type: ignore[attr-defined]
            kept.append(image)
    return kept
