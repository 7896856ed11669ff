"""Addresses of everything that is served over HTTP."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path

from panel.api import health, problems, schema
from panel.api.urls import nothing
from panel.web import errors

API = "/api/"


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 400, to scripts as a problem document."""
    if request.path.startswith(API):
        return problems.answer(problems.BadRequest("the request cannot be read"))
    return errors.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500, or 503 where the database was away; to scripts as a problem document."""
    if request.path.startswith(API):
        return problems.uncaught(sys.exc_info()[1])
    return errors.server_error(request)


urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("api/schema/", schema.schema, name="schema"),
    path("api/v1/", include("panel.api.urls")),
    re_path(r"^api/", nothing),
    path("", include("panel.web.urls")),
]
handler400 = bad_request
handler403 = "panel.web.errors.forbidden"
handler404 = "panel.web.errors.not_found"
handler500 = server_error
