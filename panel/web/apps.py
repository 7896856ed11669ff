"""Tell Django about the pages' template tags."""

from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    """The deliverer of HTML."""

    name = "panel.web"
    label = "web"
