"""Addresses of the REST API, version 1."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.urls import path, re_path

from panel.api import containers, events, images, logs, operations, sessions, stats
from panel.api.problems import answer
from runtime.errors import NotFound


def nothing(request: HttpRequest, **_: str) -> JsonResponse:
    """Answer for an address that there is not, in the API's own way."""
    return answer(NotFound("address", request.path))


urlpatterns = [
    path("containers", containers.collection, name="containers"),
    path("containers/<str:container>", containers.detail, name="container"),
    path("containers/<str:container>/start", containers.start, name="container-start"),
    path("containers/<str:container>/stop", containers.stop, name="container-stop"),
    path("containers/<str:container>/kill", containers.kill, name="container-kill"),
    path("containers/<str:container>/restart", containers.restart, name="container-restart"),
    path("containers/<str:container>/rename", containers.rename, name="container-rename"),
    path("containers/<str:container>/pause", containers.pause, name="container-pause"),
    path("containers/<str:container>/resume", containers.resume, name="container-resume"),
    path("containers/<str:container>/exec", containers.execute, name="container-exec"),
    path("containers/<str:container>/sessions", sessions.collection, name="container-sessions"),
    path("containers/<str:container>/wait", containers.wait, name="container-wait"),
    path("containers/<str:container>/logs", logs.logs, name="container-logs"),
    path("containers/<str:container>/stats", stats.stats, name="container-stats"),
    path("containers/<str:container>/top", stats.top, name="container-top"),
    path("events", events.events, name="events"),
    path("images", images.collection, name="images"),
    path("images/load", images.load, name="image-load"),
    re_path(r"^images/(?P<reference>.+)$", images.detail, name="image"),
    path("operations", operations.collection, name="operations"),
    path("operations/<str:operation>", operations.detail, name="operation"),
    path("operations/<str:operation>/cancel", operations.cancellation, name="operation-cancel"),
    re_path(r"^(?P<rest>.*)$", nothing, name="nothing"),
]
