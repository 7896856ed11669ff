"""`manage.py login [USER]`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from panel.accounts.roster import LINK_LIFE_SECONDS
from panel.host.command import PlatformCommand
from panel.host.first_accounts import login_path
from panel.host.lock import read_record
from panel.host.roots import Roots


class Command(PlatformCommand):
    """Print a link that signs a user in once."""

    help = "Print a link that signs a user in once, without a password; the last word is the link."

    def options(self, parser: CommandParser) -> None:
        """Declare whom."""
        parser.add_argument("user", nargs="?", metavar="USER", help="default: the first superuser")

    def run(self, roots: Roots, options: dict[str, Any]) -> int:
        """Print it."""
        record = read_record(roots)
        url = record.url if record else ""
        minutes = LINK_LIFE_SECONDS // 60
        self.stdout.write(f"good once, for {minutes} minutes: {url}{login_path(options['user'])}")
        return 0
