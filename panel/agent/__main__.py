"""`python -m panel.agent`: serve the node until SIGTERM."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Set Django up and serve."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")
    import django

    django.setup()
    from panel.agent.main import serve

    return serve()


if __name__ == "__main__":
    sys.exit(main())
