"""`manage.py backup FILE`."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import CommandParser

from panel.host import backup
from panel.host.command import PlatformCommand
from panel.host.roots import Roots


class Command(PlatformCommand):
    """Door to panel.host.backup."""

    help = "Write database, secrets and ceiling to a new file; nothing is stopped for it."

    def options(self, parser: CommandParser) -> None:
        """Declare the file."""
        parser.add_argument("file", metavar="FILE")

    def run(self, roots: Roots, options: dict[str, Any]) -> int:
        """Do it and say so."""
        backup.back_up(roots, os.path.abspath(options["file"]))
        self.stdout.write(f"wrote {options['file']}")
        return 0
