"""Who visits, in which team, and how a page comes out: whole, or as the part that changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme

from panel.accounts import sessions
from panel.accounts.actors import Actor
from panel.accounts.permissions import NotAllowed
from panel.web import frame
from runtime.errors import NotFound, RuntimeFault

KNOWN_ROWS_LIMIT = 500
DATABASE_AWAY = (OperationalError, InterfaceError)
"""It is busy, or not there: the same request may work in a moment."""

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponse]
MemberView = Callable[Concatenate[HttpRequest, Actor, Arguments], HttpResponse]


def actor_of(request: HttpRequest) -> Actor | None:
    """Return the visitor in the team they chose, or else in their first one."""
    user_id = request.user.pk if request.user.is_authenticated else None
    actor = sessions.actor_of(user_id, request.session)
    chosen = request.session.get(sessions.TEAM)
    if actor is not None and chosen not in (None, actor.team_slug):
        # They left that team. Sockets and REST read the same session and have to agree.
        request.session[sessions.TEAM] = actor.team_slug
    return actor


def member(view: MemberView[Arguments]) -> View[Arguments]:
    """Let a view be for members only; it gets the actor, and its faults become answers."""

    @wraps(view)
    def guarded(
        request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> HttpResponse:
        _refuse_nul(request)
        try:
            actor = actor_of(request)
            if actor is None:
                return _to_nobody(request)
            return view(request, actor, *args, **kwargs)
        except DATABASE_AWAY:
            return unavailable(request)
        except NotFound as fault:
            raise Http404(str(fault)) from fault
        except NotAllowed as fault:
            return refused(request, actor, fault, status=403)
        except RuntimeFault as fault:
            return refused(request, actor, fault, status=409)

    return guarded


def is_part(request: HttpRequest) -> bool:
    """Say whether our own modules ask, which need only what can change."""
    return request.headers.get("HX-Request") == "true"


def known_rows(request: HttpRequest) -> list[str]:
    """Return the ids of the rows that the asking page shows already."""
    named = request.headers.get("X-Known-Rows", "")
    return [name for name in named.split(",")[:KNOWN_ROWS_LIMIT] if name]


def page(
    request: HttpRequest,
    actor: Actor | None,
    template: str,
    context: dict[str, Any] | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    """Render `template` inside the frame, or only its changing parts where a module asks."""
    part = is_part(request)
    around = frame.around(request, actor) if actor is not None else {}
    filled = {
        "theme": frame.theme(request),
        "layout": "frame/part.html" if part else "frame/page.html",
        **around,
        **(context or {}),
    }
    answer = render(request, template, filled, status=status)
    patch_vary_headers(answer, ["HX-Request", "Cookie"])
    answer["Cache-Control"] = "private, no-cache"
    return answer


def refused(
    request: HttpRequest, actor: Actor | None, fault: RuntimeFault, *, status: int
) -> HttpResponse:
    """Say why not: as a toast to a module, else on the page where the visitor came from."""
    text = f"{str(fault)[:1].upper()}{str(fault)[1:]}"
    if is_part(request):
        notes = [{"text": text, "kind": "bad"}]
        return render(request, "frame/toasts_only.html", {"toasts": notes}, status=status)
    if request.method == "POST" and status != 403:
        messages.error(request, text)
        return HttpResponseRedirect(back(request))
    return page(request, actor, "errors/refused.html", {"reason": text}, status=status)


def back(request: HttpRequest, fallback: str = "/") -> str:
    """Return the page the visitor came from, if it is one of ours."""
    came_from = request.headers.get("Referer", "")
    ours = url_has_allowed_host_and_scheme(came_from, allowed_hosts={request.get_host()})
    return came_from if ours else fallback


def bare(request: HttpRequest, template: str, status: int) -> HttpResponse:
    """Render `template` with nothing around it that needs the database."""
    return render(request, template, {"theme": frame.theme(request)}, status=status)


def unavailable(request: HttpRequest) -> HttpResponse:
    """Answer 503: the database is busy; the same request may work in a moment."""
    answer = bare(request, "errors/503.html", 503)
    answer["Retry-After"] = "2"
    return answer


def _refuse_nul(request: HttpRequest) -> None:
    """Refuse what no row can hold and PostgreSQL takes in no query."""
    asked = (request.path, *_values(request.GET), *_values(request.POST))
    if any("\0" in text for text in asked):
        raise BadRequest("a NUL character in the request")


def _values(query: QueryDict) -> Iterator[str]:
    return (str(value) for _, values in query.lists() for value in values)


def _to_nobody(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return bare(request, "errors/no_team.html", 403)
    if is_part(request):
        return HttpResponse("signed out", status=401, content_type="text/plain")
    wanted = request.get_full_path() if request.method == "GET" else "/"
    return redirect_to_login(wanted)
