"""Addresses of everything that is served over HTTP."""

from __future__ import annotations

from django.urls import include, path

from panel.api import health, schema

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("api/schema/", schema.schema, name="schema"),
    path("api/v1/", include("panel.api.urls")),
    path("", include("panel.web.urls")),
]
handler403 = "panel.web.errors.forbidden"
handler404 = "panel.web.errors.not_found"
handler500 = "panel.web.errors.server_error"
