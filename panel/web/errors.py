"""Error pages. A foreign object and a missing one look the same; 500 needs no database."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse

from panel.web.visit import DATABASE_AWAY, actor_of, bare, page, unavailable


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """Answer 404."""
    actor = actor_of(request)
    if actor is None:
        return bare(request, "errors/404_signed_out.html", 404)
    return page(request, actor, "errors/404.html", status=404)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """Answer 403."""
    return bare(request, "errors/403.html", 403)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """Answer 400."""
    return bare(request, "errors/400.html", 400)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001  # Django's
    """Answer a form that was too old, or not ours."""
    return bare(request, "errors/csrf.html", 403)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500, with nothing that could fail again; 503 where it was the database.

    A session is saved after its view, so a busy database may be met there too.
    """
    if isinstance(sys.exc_info()[1], DATABASE_AWAY):
        return unavailable(request)
    return bare(request, "errors/500.html", 500)
