"""Make a user, or change one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from panel.accounts.roles import Role
from panel.accounts.roster import Place, ensure_user
from panel.host.command import PlatformCommand
from panel.host.roots import Roots


class Command(PlatformCommand):
    """`manage.py user NAME --team T --role viewer|operator|admin [--superuser] [--disabled]`."""

    help = (
        "Make a user, or change one to exactly what the options say. A weaker role or --disabled "
        "ends sessions and tokens. `manage.py login NAME` prints a link to sign in with."
    )

    def options(self, parser: CommandParser) -> None:
        """Declare what the user is to be."""
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--team", help="the team to be a member of")
        parser.add_argument(
            "--role", choices=[role.value for role in Role], default=Role.VIEWER.value
        )
        parser.add_argument("--superuser", action="store_true", help="an admin of every team")
        parser.add_argument("--disabled", action="store_true", help="may do nothing any more")

    def run(self, _: Roots, options: dict[str, Any]) -> int:
        """Make or change the user and say what it is."""
        place = Place(
            team=options["team"],
            role=Role(options["role"]),
            superuser=options["superuser"],
            disabled=options["disabled"],
        )
        user, made = ensure_user(options["name"], place)
        said = [f"user {user.username} {'made' if made else 'changed'}"]
        if place.team is not None:
            said.append(f"{place.role} of {place.team}")
        said += ["superuser"] if place.superuser else []
        said += ["disabled"] if place.disabled else []
        self.stdout.write(", ".join(said))
        return 0
