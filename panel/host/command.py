"""What the platform's own commands share: the options for the roots, and one-sentence refusals."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from panel.host.errors import HostRefused
from panel.host.roots import Roots
from runtime.errors import RuntimeFault


class PlatformCommand(BaseCommand, ABC):
    """A command of Moorage. Subclasses write `options` and `run`."""

    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the shared options for the help text; command_line has taken them already."""
        roots = parser.add_argument_group("where the instance lives")
        roots.add_argument("--data-root", metavar="DIR", help="default /var/lib/moorage")
        roots.add_argument("--run-root", metavar="DIR", help="default /run/moorage")
        self.options(parser)

    def options(self, parser: CommandParser) -> None:
        """Declare the options of this command."""

    @abstractmethod
    def run(self, roots: Roots, options: dict[str, Any]) -> int:
        """Do the work and return the exit status."""

    def handle(self, *_: Any, **options: Any) -> None:
        """Run; a refusal becomes one sentence on standard error and exit status 1."""
        try:
            status = self.run(Roots.configured(), options)
        except (HostRefused, RuntimeFault) as refusal:
            raise CommandError(str(refusal)) from None
        except DatabaseError as fault:
            raise CommandError(f"the database refused: {str(fault).strip()}") from None
        if status:
            sys.exit(status)
