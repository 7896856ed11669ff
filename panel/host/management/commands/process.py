"""`manage.py process NAME`: become one process of the platform, for systemd's units."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from panel.host.command import PlatformCommand
from panel.host.database import require_current
from panel.host.lock import ServingLock
from panel.host.management.commands import up
from panel.host.processes import BROKER
from panel.host.roots import Roots
from panel.host.spawn import become
from panel.host.up import prepare


class Command(PlatformCommand):
    """Become a process."""

    help = "Become one process of the platform: valkey, web, agent, fast or bulk."

    def options(self, parser: CommandParser) -> None:
        """Declare which, and where the panel is served."""
        parser.add_argument("name", metavar="NAME")
        up.declare_address(parser)

    def run(self, roots: Roots, options: dict[str, Any]) -> int:
        """Become it; does not return. The data root's lock is shared by all the units."""
        lock = ServingLock.take(roots, shared=True)
        platform = prepare(roots, up.address_of(options))
        if options["name"] != BROKER:
            require_current()
        program = platform.program(options["name"])
        lock.keep_over_exec()
        become(program)
        return 1
