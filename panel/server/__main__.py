"""`python -m panel.server`: serve the panel on one address.

--host ADDRESS --port NUMBER    where to listen
--tls-certificate FILE --tls-key FILE    serve https (PEM)
--behind-proxy    believe X-Forwarded-For, -Port and -Proto
"""

from __future__ import annotations

import argparse
import os
import sys

from panel.server.endpoints import Endpoint

THREADS = "32"
"""Threads of the event loop's pool: database work of all requests together."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; return 1 when the address cannot be had."""
    options = _parser().parse_args(arguments)
    if bool(options.tls_certificate) != bool(options.tls_key):
        raise SystemExit("panel.server: --tls-certificate and --tls-key belong together")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")
    os.environ.setdefault("ASGI_THREADS", THREADS)
    # The order matters: Daphne chooses Twisted's reactor when it is imported.
    from panel.server.server import Server  # isort: skip
    from panel.asgi import application  # isort: skip

    endpoint = Endpoint(
        host=options.host,
        port=options.port,
        certificate=options.tls_certificate,
        key=options.tls_key,
    )
    server = Server(application, [str(endpoint)], behind_proxy=options.behind_proxy)
    server.run()
    return 1 if server.failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m panel.server", description="Serve the panel.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--tls-certificate", default="")
    parser.add_argument("--tls-key", default="")
    parser.add_argument("--behind-proxy", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
