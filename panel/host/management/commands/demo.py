"""`manage.py demo`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.urls import reverse

from panel.host.command import PlatformCommand
from panel.host.demo import run_demo
from panel.host.lock import read_record
from panel.host.roots import Roots


class Command(PlatformCommand):
    """Run something to look at."""

    help = "Make the starter image and run a container that prints a line each second."

    def options(self, parser: CommandParser) -> None:
        """Declare where the panel is."""
        parser.add_argument("--url", default="", help="of the panel, for the link that is printed")

    def run(self, roots: Roots, options: dict[str, Any]) -> int:
        """Run it and print the page where its lines arrive."""
        container = run_demo()
        record = read_record(roots)
        url = options["url"] or (record.url if record else "")
        page = reverse("web:container-logs", args=[container.pk])
        self.stdout.write(f"the container {container.name} runs; watch its lines: {url}{page}")
        return 0
