"""`python -m runtime`: the OCI command line."""

from __future__ import annotations

import sys

from runtime.cli.main import leave, main

if __name__ == "__main__":
    leave(main(sys.argv[1:]))
