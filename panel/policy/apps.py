"""The Django application."""

from django.apps import AppConfig


class PolicyConfig(AppConfig):
    """Registers the package's models under its own label."""

    name = "panel.policy"
    label = "policy"
