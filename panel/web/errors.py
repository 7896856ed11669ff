"""Error pages. A foreign object and a missing one look the same; 500 needs no database."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from panel.web import frame
from panel.web.visit import actor_of, is_part, page


def not_found(request: HttpRequest, _exception: Exception | None = None) -> HttpResponse:
    """Answer 404."""
    actor = actor_of(request)
    if actor is None:
        return _bare(request, "errors/404_signed_out.html", 404)
    return page(request, actor, "errors/404.html", status=404)


def forbidden(request: HttpRequest, _exception: Exception | None = None) -> HttpResponse:
    """Answer 403."""
    return _bare(request, "errors/403.html", 403)


def bad_request(request: HttpRequest, _exception: Exception | None = None) -> HttpResponse:
    """Answer 400."""
    return _bare(request, "errors/400.html", 400)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001  # Django's
    """Answer a form that was too old, or not ours."""
    return _bare(request, "errors/csrf.html", 403)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500, with nothing that could fail again."""
    return _bare(request, "errors/500.html", 500)


def unavailable(request: HttpRequest) -> HttpResponse:
    """Answer 503: the database is busy; the same request may work in a moment."""
    answer = _bare(request, "errors/503.html", 503)
    answer["Retry-After"] = "2"
    return answer


def _bare(request: HttpRequest, template: str, status: int) -> HttpResponse:
    context = {"theme": frame.theme(request), "part": is_part(request)}
    return render(request, template, context, status=status)
