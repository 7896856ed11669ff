"""Addresses of the sockets."""

from __future__ import annotations

from django.urls import path

from panel.live.events import Events
from panel.live.logs import Logs
from panel.live.sessions import Session
from panel.live.stats import Stats

websocket_urlpatterns = [
    path("ws/containers/<str:container>/logs", Logs.as_asgi()),
    path("ws/containers/<str:container>/stats", Stats.as_asgi()),
    path("ws/containers/<str:container>/sessions/<str:session>", Session.as_asgi()),
    path("ws/events", Events.as_asgi()),
]
