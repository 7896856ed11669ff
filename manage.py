#!/usr/bin/env python3
"""The menu of commands. Run it as root with any Python from 3.11 on; it sets up the rest itself."""

import os
import sys


def main() -> None:
    """Make the environment ready, then run the command that was asked for."""
    # An older Python must be able to read this file, or it could not say what is wrong.
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit("Moorage needs Python 3.11 or newer; this is " + sys.version.split()[0] + ".")
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from panel.host import bootstrap

    try:
        bootstrap.enter(sys.argv)
    except bootstrap.SetupRefused as refusal:
        sys.exit(str(refusal))
    from panel.host import command_line

    command_line.execute(sys.argv)


if __name__ == "__main__":
    main()
