"""`manage.py up`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from panel.host.command import PlatformCommand
from panel.host.roots import Roots
from panel.host.up import up, wanted_address


class Command(PlatformCommand):
    """Serve the platform until ctrl-C."""

    help = (
        "Start the whole platform and serve it until ctrl-C or SIGTERM. Containers go on when it "
        "stops, and the next `up` finds them again."
    )

    def options(self, parser: CommandParser) -> None:
        """Declare where to serve."""
        parser.add_argument("--demo", action="store_true", help="run a container to look at, too")
        parser.add_argument("--host", default="127.0.0.1", help="address (default %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="port (default %(default)s)")
        parser.add_argument(
            "--behind-proxy", action="store_true", help="plain http, for a proxy that does TLS"
        )
        parser.add_argument("--tls-cert", metavar="FILE", default="", help="certificate chain, PEM")
        parser.add_argument("--tls-key", metavar="FILE", default="", help="its key, PEM")

    def run(self, roots: Roots, options: dict[str, Any]) -> int:
        """Serve."""
        address = wanted_address(
            options["host"],
            options["port"],
            behind_proxy=options["behind_proxy"],
            tls=(options["tls_cert"], options["tls_key"]),
        )
        up(roots, address, demo=options["demo"])
        return 0
