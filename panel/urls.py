"""Addresses of everything that is served over HTTP."""

from __future__ import annotations

from django.urls import include, path, re_path

from panel.api import health, schema
from panel.api.urls import nothing

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("api/schema/", schema.schema, name="schema"),
    path("api/v1/", include("panel.api.urls")),
    re_path(r"^api/", nothing),
    path("", include("panel.web.urls")),
]
handler400 = "panel.web.errors.bad_request"
handler403 = "panel.web.errors.forbidden"
handler404 = "panel.web.errors.not_found"
handler500 = "panel.web.errors.server_error"
