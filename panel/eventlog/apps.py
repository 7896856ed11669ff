"""The Django application."""

from django.apps import AppConfig


class EventlogConfig(AppConfig):
    """Registers the package's models under its own label."""

    name = "panel.eventlog"
    label = "eventlog"
