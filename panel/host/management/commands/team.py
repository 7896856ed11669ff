"""Make a team, or show the one that is there."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from panel.accounts.roster import ensure_team
from panel.host.command import PlatformCommand
from panel.host.roots import Roots
from runtime.config import ID_RANGE_SIZE


class Command(PlatformCommand):
    """`manage.py team NAME`."""

    help = "Make a team with a range of user ids of its own; harmless if there is one."

    def options(self, parser: CommandParser) -> None:
        """Declare the name and the title."""
        parser.add_argument("name", metavar="NAME", help="a-z, 0-9 and '-'; it never changes")
        parser.add_argument("--title", default="", help="how pages call it")

    def run(self, _: Roots, options: dict[str, Any]) -> int:
        """Make it and say what it has."""
        team, made = ensure_team(options["name"], options["title"])
        last = team.id_range + ID_RANGE_SIZE - 1
        said = "made" if made else "is there"
        self.stdout.write(f"team {team.slug} {said}, host ids {team.id_range} to {last}")
        return 0
