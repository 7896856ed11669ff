"""`python -m runtime`: the OCI command line."""

from __future__ import annotations

import sys

from runtime.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
