"""Issue a token for scripts."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from panel.accounts.roster import issue_token
from panel.host.command import PlatformCommand
from panel.host.roots import Roots


class Command(PlatformCommand):
    """`manage.py token USER [--team T] [--expires SECONDS]`."""

    help = "Issue a bearer token; it is the last word printed, and shown only this once."

    def options(self, parser: CommandParser) -> None:
        """Declare whose it is and how long it lives."""
        parser.add_argument("user", metavar="USER")
        parser.add_argument("--team", help="needed where the user has several")
        parser.add_argument("--expires", type=int, metavar="SECONDS", help="default: never")
        parser.add_argument("--name", default="", help="what it is for")

    def run(self, _: Roots, options: dict[str, Any]) -> int:
        """Issue it and print it."""
        secret = issue_token(
            options["user"],
            options["team"],
            expires_seconds=options["expires"],
            name=options["name"],
        )
        self.stdout.write(f"token of {options['user']}: {secret}")
        return 0
