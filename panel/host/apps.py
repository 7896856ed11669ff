"""Makes the management commands known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class HostConfig(AppConfig):
    """The commands of manage.py; no models."""

    name = "panel.host"
    label = "host"
