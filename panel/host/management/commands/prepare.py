"""`manage.py prepare`: what `up` does before it starts anything, for systemd's units."""

from __future__ import annotations

import sys
from typing import Any

from panel.host.command import PlatformCommand
from panel.host.output import Output
from panel.host.processes import Address
from panel.host.roots import Roots
from panel.host.up import make_current, make_roots, prepare


class Command(PlatformCommand):
    """Make directories, secrets and database current."""

    help = "Make directories, secrets and database current, without starting anything."

    def run(self, roots: Roots, _: dict[str, Any]) -> int:
        """Prepare."""
        make_roots(roots)
        prepare(roots, Address())
        make_current(roots, Output(sys.stdout.buffer))
        return 0
