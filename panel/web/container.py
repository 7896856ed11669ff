"""One container: overview, logs, processes, terminal and operations, each an own address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from panel.accounts.actors import Actor
from panel.accounts.permissions import Action, require
from panel.inventory.models import Container
from panel.inventory.project import moment
from panel.inventory.queries import find_container
from panel.operations.models import Operation
from panel.web import frame, quantities, words
from panel.web.containers import with_doing
from panel.web.visit import member, page

LAST_OPERATIONS = 6
OPERATIONS_SHOWN = 100
TAIL_LINES = 5000


@require_GET
@member
def overview(request: HttpRequest, actor: Actor, container: str) -> HttpResponse:
    """Show what a container is and how it fares."""
    row = find(actor, container)
    meaning = words.exit_meaning(row.exit_code, oom_killed=row.oom_killed)
    context = {"meaning": meaning, "spec": row.record.get("spec", {}), "record": row.record}
    context["operations"] = _operations(row, LAST_OPERATIONS)
    context["results"] = _results(row.record)
    return _tab(request, actor, row, "overview", context)


@require_GET
@member
def logs(request: HttpRequest, actor: Actor, container: str) -> HttpResponse:
    """Show the page that a container's log is read on."""
    row = find(actor, container)
    require(actor, Action.CONTAINER_LOGS, row)
    return _tab(request, actor, row, "logs", {"tail": TAIL_LINES})


@require_GET
@member
def processes(request: HttpRequest, actor: Actor, container: str) -> HttpResponse:
    """Show the page that asks for a container's processes."""
    return _tab(request, actor, find(actor, container), "processes", {})


@require_GET
@member
def terminal(request: HttpRequest, actor: Actor, container: str) -> HttpResponse:
    """Show the page that sessions are opened on."""
    row = find(actor, container)
    require(actor, Action.CONTAINER_EXEC, row)
    return _tab(request, actor, row, "terminal", {"user": row.record.get("spec", {}).get("user")})


@require_GET
@member
def operations(request: HttpRequest, actor: Actor, container: str) -> HttpResponse:
    """Show what was done to a container."""
    row = find(actor, container)
    context = {"operations": _operations(row, OPERATIONS_SHOWN)}
    return _tab(request, actor, row, "operations", context)


@require_GET
@member
def confirm_delete(request: HttpRequest, actor: Actor, container: str) -> HttpResponse:
    """Say what goes and what stays, for readers without JavaScript."""
    row = find(actor, container)
    require(actor, Action.CONTAINER_CHANGE, row)
    return page(request, actor, "containers/delete.html", {"container": row})


@require_GET
@member
def ask_name(request: HttpRequest, actor: Actor, container: str) -> HttpResponse:
    """Ask for another name, on a page of its own: a live one would change under the typing."""
    row = find(actor, container)
    require(actor, Action.CONTAINER_CHANGE, row)
    return page(request, actor, "containers/rename.html", {"container": row})


def find(actor: Actor, container: str) -> Container:
    """Return the team's container. Raises NotFound, the same for a foreign and a missing one."""
    row = find_container(actor.team_id, container)
    require(actor, Action.CONTAINER_VIEW, row)
    return row


def _tab(
    request: HttpRequest, actor: Actor, row: Container, tab: str, context: dict[str, Any]
) -> HttpResponse:
    with_doing([row])
    return page(request, actor, f"containers/{tab}.html", {"container": row, "tab": tab, **context})


def _operations(row: Container, limit: int) -> list[Operation]:
    changes = Operation.objects.filter(team_id=row.team_id, target=row.pk, klass="change")
    return frame.named(changes.select_related("user").order_by("-number"), limit)


def _results(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the last results of the health check as they are shown, newest first."""
    health = record.get("health") or {"log": []}
    return [
        {
            **result,
            "well": result["exit_code"] == 0,
            "finished": moment(result["finished_ns"]),
            "took": quantities.span((result["finished_ns"] - result["started_ns"]) / 1e9),
        }
        for result in reversed(health["log"])
    ]
