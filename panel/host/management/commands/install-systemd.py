"""`manage.py install-systemd`."""
# ruff: noqa: N999  # Django finds a command by the name of its module

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from panel.host import systemd
from panel.host.bootstrap import CHECKOUT
from panel.host.command import PlatformCommand
from panel.host.errors import HostRefused
from panel.host.management.commands.up import address_of, declare_address
from panel.host.roots import Roots


class Command(PlatformCommand):
    """Write the units of systemd."""

    help = "Write and enable systemd's units, so that the platform starts with the machine."

    def options(self, parser: CommandParser) -> None:
        """Declare where the units and the panel go."""
        parser.add_argument("--dry-run", action="store_true", help="only print the units")
        parser.add_argument("--unit-dir", metavar="DIR", default="/etc/systemd/system")
        declare_address(parser)

    def run(self, roots: Roots, options: dict[str, Any]) -> int:
        """Write them, and enable them where systemd runs."""
        installation = systemd.Installation(
            checkout=CHECKOUT,
            python=Path(sys.executable),
            roots=roots,
            address=address_of(options),
            environment=systemd.kept_of(os.environ),
        )
        written = systemd.units(installation)
        if options["dry_run"]:
            for name, content in written.items():
                self.stdout.write(f"# {name}\n{content}")
            return 0
        self._write(Path(options["unit_dir"]), written)
        return 0

    def _write(self, directory: Path, written: dict[str, str]) -> None:
        if not directory.is_dir():
            raise HostRefused(f"{directory} is not there: systemd keeps its units elsewhere")
        for name, content in written.items():
            path = directory / name
            # A unit may hold the database's password.
            path.touch(mode=0o600)
            path.chmod(0o600)
            path.write_text(content, encoding="utf-8")
            self.stdout.write(f"wrote {path}")
        if os.path.isdir("/run/systemd/system") and shutil.which("systemctl"):
            subprocess.run(["systemctl", "daemon-reload"], check=True)
            subprocess.run(["systemctl", "enable", systemd.TARGET], check=True)
            self.stdout.write(f"start it with: systemctl start {systemd.TARGET}")
        else:
            self.stdout.write(f"where systemd runs: systemctl enable --now {systemd.TARGET}")
