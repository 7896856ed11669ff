"""`manage.py fsck`."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from panel.host.command import PlatformCommand
from panel.host.roots import Roots
from runtime.config import EngineConfig
from runtime.engine import Engine


class Command(PlatformCommand):
    """Look for what does not belong together on disk and in the kernel."""

    help = "Look for damage and leaks of this instance; exit status 1 where something is found."

    def options(self, parser: CommandParser) -> None:
        """Declare what to do about it."""
        parser.add_argument("--repair", action="store_true", help="put right what can be")
        parser.add_argument("--json", action="store_true", help="for scripts")

    def run(self, roots: Roots, options: dict[str, Any]) -> int:
        """Look, and print what was found."""
        config = EngineConfig(data_root=roots.data, run_root=roots.run, id_base=settings.ID_BASE)
        with Engine.open(config) as engine:
            findings = engine.system.fsck(repair=options["repair"])
        if options["json"]:
            self.stdout.write(json.dumps([dataclasses.asdict(one) for one in findings], indent=2))
        else:
            for one in findings:
                self.stdout.write(str(one))
            self.stdout.write(f"{len(findings)} found")
        return 1 if findings else 0
