"""The Django application."""

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    """Registers the package's models under its own label."""

    name = "panel.operations"
    label = "operations"
