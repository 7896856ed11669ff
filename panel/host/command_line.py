"""Turns the options that every command shares into the environment, then hands over to Django.

Settings read DATA_ROOT and RUN_ROOT when they load, which is before a command parses its options.
"""

from __future__ import annotations

import os
import sys

ROOT_OPTIONS = {"--data-root": "DATA_ROOT", "--run-root": "RUN_ROOT"}


def execute(argv: list[str]) -> None:
    """Run the command in `argv`; exits with status 1 and one sentence where it is refused."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")
    try:
        remaining, variables = take_roots(argv)
    except ValueError as wrong:
        sys.exit(str(wrong))
    os.environ.update(variables)
    from django.core.management import execute_from_command_line

    execute_from_command_line(remaining)


def take_roots(argv: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return `argv` without the options for the two roots, and the variables they stand for.

    Raises ValueError for an option without a value. Relative paths become absolute.
    """
    remaining: list[str] = []
    variables: dict[str, str] = {}
    words = iter(argv)
    for word in words:
        name, equals, value = word.partition("=")
        if word == "--":
            return [*remaining, word, *words], variables
        if name not in ROOT_OPTIONS:
            remaining.append(word)
            continue
        chosen = value if equals else next(words, "")
        if not chosen:
            raise ValueError(f"{name} needs a directory")
        variables[ROOT_OPTIONS[name]] = os.path.abspath(chosen)
    return remaining, variables
