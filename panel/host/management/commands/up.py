"""`manage.py up`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from panel.host.command import PlatformCommand
from panel.host.processes import Address
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
        declare_address(parser)

    def run(self, roots: Roots, options: dict[str, Any]) -> int:
        """Serve."""
        up(roots, address_of(options), demo=options["demo"])
        return 0


def declare_address(parser: CommandParser) -> None:
    """Declare the options that say where the panel is served."""
    parser.add_argument("--host", default="127.0.0.1", help="address (default %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port (default %(default)s)")
    parser.add_argument(
        "--behind-proxy", action="store_true", help="plain http, for a proxy that does TLS"
    )
    parser.add_argument("--tls-cert", metavar="FILE", default="", help="certificate chain, PEM")
    parser.add_argument("--tls-key", metavar="FILE", default="", help="its key, PEM")


def address_of(options: dict[str, Any]) -> Address:
    """Return the address that those options say. Raises HostRefused."""
    return wanted_address(
        options["host"],
        options["port"],
        behind_proxy=options["behind_proxy"],
        tls=(options["tls_cert"], options["tls_key"]),
    )
