"""The command palette's answers: containers, what can be done with one, and places."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action, may
from panel.inventory.models import Container
from panel.inventory.queries import containers_of, without_record
from panel.web import words
from panel.web.visit import member

CONTAINERS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Option:
    """One line to pick: where it leads, and the keys that do the same."""

    icon: str
    text: str
    href: str
    faint: str = ""
    keys: tuple[str, ...] = ()


@require_GET
@member
def palette(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Answer with the options that fit the question."""
    asked = request.GET.get("q", "").strip().lower()
    found = containers_of(actor.team_id)
    for word in asked.split():
        found = found.filter(Q(name__icontains=word) | Q(image__icontains=word))
    rows = list(without_record(found)[:CONTAINERS_SHOWN])
    groups = [
        ("Containers", [_container(row) for row in rows]),
        (f"Do with {rows[0].name}", _with(rows[0])) if asked and rows else ("", []),
        ("Go to", [place for place in _places(actor) if _fits(place, asked)]),
    ]
    shown = [(name, options) for name, options in groups if options]
    return render(request, "frame/palette_options.html", {"groups": shown, "actor": actor})


def _container(row: Container) -> Option:
    sign = words.container_sign(
        row.state, row.exit_code, oom_killed=row.oom_killed, health=row.health
    )
    return Option("container", row.name, _address(row), f"{sign.word.lower()} · {row.image}")


def _with(row: Container) -> list[Option]:
    return [
        Option("log", f"Show logs of {row.name}", reverse("web:container-logs", args=[row.pk])),
        Option(
            "operation",
            f"Operations of {row.name}",
            reverse("web:container-operations", args=[row.pk]),
        ),
    ]


def _places(actor: Actor) -> list[Option]:
    places = [
        Option("container", "Containers", reverse("web:containers"), keys=("G", "C")),
        Option("image", "Images", reverse("web:images"), keys=("G", "I")),
        Option("operation", "Operations", reverse("web:operations"), keys=("G", "O")),
        Option("user", "Account and theme", reverse("web:account")),
    ]
    if may(actor, Action.CONTAINER_CHANGE):
        places.insert(0, Option("add", "Create container", reverse("web:create")))
    if may(actor, Action.IMAGE_LOAD):
        places.insert(1, Option("upload", "Upload image archive", reverse("web:upload")))
    return places


def _fits(option: Option, asked: str) -> bool:
    return all(word in option.text.lower() for word in asked.split())


def _address(row: Container) -> str:
    return reverse("web:container", args=[row.pk])
