"""The Django application."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Registers the package's models under its own label."""

    name = "panel.accounts"
    label = "accounts"
