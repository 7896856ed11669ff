"""`manage.py restore FILE`."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import CommandParser

from panel.host import backup
from panel.host.command import PlatformCommand
from panel.host.roots import Roots


class Command(PlatformCommand):
    """Door to panel.host.backup."""

    help = "Replace database, secrets and ceiling by those of a backup; not while it is served."

    def options(self, parser: CommandParser) -> None:
        """Declare the file."""
        parser.add_argument("file", metavar="FILE")

    def run(self, roots: Roots, options: dict[str, Any]) -> int:
        """Do it and say so."""
        backup.restore(roots, os.path.abspath(options["file"]))
        self.stdout.write(f"restored {options['file']}")
        return 0
