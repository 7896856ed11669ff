"""`manage.py doctor`."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from panel.host import doctor
from panel.host.command import PlatformCommand
from panel.host.roots import Roots


class Command(PlatformCommand):
    """Tell what the machine offers."""

    help = "Tell what kernel, Python, broker and database offer; exit status 1 if any is fatal."

    def options(self, parser: CommandParser) -> None:
        """Declare the form."""
        parser.add_argument("--json", action="store_true", help="for scripts")

    def run(self, _: Roots, options: dict[str, Any]) -> int:
        """Print it."""
        findings = doctor.examine()
        if options["json"]:
            self.stdout.write(json.dumps([one.to_json() for one in findings], indent=2))
        else:
            width = max(len(one.name) for one in findings)
            for one in findings:
                self.stdout.write(f"{one.name:<{width}}  {one.state:<8}  {one.detail}".rstrip())
        return 1 if any(one.is_lacking for one in findings) else 0
