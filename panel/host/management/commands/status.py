"""`manage.py status`."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from panel.host.command import PlatformCommand
from panel.host.roots import Roots
from panel.host.status import Status, examine


class Command(PlatformCommand):
    """Tell what runs."""

    help = "Tell what of the platform runs; exit status 1 where something is missing."

    def options(self, parser: CommandParser) -> None:
        """Declare the form."""
        parser.add_argument("--json", action="store_true", help="for scripts")

    def run(self, roots: Roots, options: dict[str, Any]) -> int:
        """Print the state."""
        status = examine(roots)
        lines = [json.dumps(status.to_json(), indent=2)] if options["json"] else as_text(status)
        self.stdout.write("\n".join(lines))
        return 0 if status.healthy else 1


def as_text(status: Status) -> list[str]:
    """Return the lines for people."""
    where = f"at {status.url}" if status.served else "by no `manage.py up`"
    beats = [f"{role} {'fresh' if good else 'missing'}" for role, good in status.fresh.items()]
    counts = [f"{number} {state}" for state, number in sorted(status.containers.items())]
    processes = [f"{name} {pid}" for name, pid in status.processes.items()]
    return [
        f"served      {where}",
        f"processes   {', '.join(processes) or 'none'}",
        f"broker      {status.broker}",
        f"heartbeats  {', '.join(beats) or 'none'}",
        f"containers  {', '.join(counts) or 'none'}",
        f"operations  {status.unfinished_operations} unfinished",
    ]
