"""The Django application."""

from django.apps import AppConfig


class InventoryConfig(AppConfig):
    """Registers the package's models under its own label."""

    name = "panel.inventory"
    label = "inventory"
