"""`manage.py test`: in the place of Django's, which knows only its own test cases."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from panel.host.command import PlatformCommand
from panel.host.proof.run import prove
from panel.host.roots import Roots


class Command(PlatformCommand):
    """Run every test."""

    help = "Run every test: lint, unit, panel on both databases, kernel, browser; or those named."

    def options(self, parser: CommandParser) -> None:
        """Declare what to run."""
        parser.add_argument("paths", nargs="*", metavar="PATH", help="run only these, by pytest")
        parser.add_argument("--long", action="store_true", help="full counts (hours)")
        parser.add_argument("--seed", type=int, help="repeat the random choices of a former run")

    def run(self, _: Roots, options: dict[str, Any]) -> int:
        """Run them."""
        return prove(options["paths"], long=options["long"], seed=options["seed"])
