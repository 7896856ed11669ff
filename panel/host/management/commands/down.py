"""`manage.py down`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from panel.host.command import PlatformCommand
from panel.host.down import stop_containers, stop_platform
from panel.host.roots import Roots


class Command(PlatformCommand):
    """Stop the platform."""

    help = "Stop the platform of this data root; its containers go on, or stop first as well."

    def options(self, parser: CommandParser) -> None:
        """Declare what else to stop."""
        parser.add_argument("--containers", action="store_true", help="stop the containers too")

    def run(self, roots: Roots, options: dict[str, Any]) -> int:
        """Stop, and say what was."""
        if options["containers"]:
            stop_containers(say=self.stdout.write)
        stopped = stop_platform(roots)
        self.stdout.write("stopped" if stopped else f"nothing serves {roots.data}")
        return 0
