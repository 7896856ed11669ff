"""`manage.py purge`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from panel.host.command import PlatformCommand
from panel.host.errors import HostRefused
from panel.host.purge import purge
from panel.host.roots import Roots


class Command(PlatformCommand):
    """Remove the instance."""

    help = "Remove the instance for good: containers, images, database and both roots."

    def options(self, parser: CommandParser) -> None:
        """Declare the consent."""
        parser.add_argument(
            "--yes", action="store_true", help="needed: nothing can be brought back"
        )

    def run(self, roots: Roots, options: dict[str, Any]) -> int:
        """Remove it."""
        if not options["yes"]:
            raise HostRefused(f"this removes everything under {roots.data}: say --yes")
        purge(roots, say=self.stdout.write)
        return 0
