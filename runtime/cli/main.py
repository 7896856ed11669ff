"""The OCI command line: `python -m runtime`, or the program `moorage-runtime` beside it.

Shim-less: one single-threaded process that makes a container, or acts on one, and ends. Nothing of
the platform has to run. See docs/guide/oci.md.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import NoReturn

from runtime.cli import arguments, log
from runtime.cli.arguments import COMMANDS, Words
from runtime.errors import RuntimeFault, Unavailable
from runtime.oci.version import SPEC_VERSION

DOORS = {
    "create": ("create", "command"),
    "delete": ("delete", "command"),
    "events": ("events", "command"),
    "exec": ("execute", "command"),
    "features": ("features", "command"),
    "kill": ("kill", "command"),
    "list": ("show", "list_all"),
    "pause": ("pause", "pause"),
    "ps": ("ps", "command"),
    "resume": ("pause", "resume"),
    "run": ("run", "command"),
    "spec": ("template", "command"),
    "start": ("start", "command"),
    "state": ("show", "state"),
    "update": ("update", "command"),
}
"""Command -> module and function; each loads only what it needs, for it starts often."""
_VERSION = f"{log.PROGRAM} version 1\nspec: {SPEC_VERSION}\n"
_EXIT_FAILED = 1


def main(given: list[str]) -> int:
    """Carry a command line out and return its exit code; faults are told, never raised."""
    words: Words | None = None
    try:
        words = arguments.parse(given)
        log.check(words)
        if words.is_on("--version"):
            sys.stdout.write(_VERSION)
            return 0
        if words.is_on("--help") or not words.command:
            sys.stdout.write(_usage(words.command))
            return 0 if words.is_on("--help") else _EXIT_FAILED
        if os.geteuid() != 0 and words.command not in ("features", "spec"):
            raise Unavailable("this runtime needs root")
        module, function = DOORS[words.command]
        door = getattr(importlib.import_module(f"runtime.cli.{module}"), function)
        gc.freeze()
        gc.enable()
        return int(door(words))
    except RuntimeFault as fault:
        log.fail(words, str(fault))
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        log.fail(words, f"{what}{error.strerror or error}")
    return _EXIT_FAILED


def leave(code: int) -> NoReturn:
    """End the program. The interpreter's own way takes longer than what some commands do."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except OSError:
        code = code or _EXIT_FAILED
    os._exit(code)


def _usage(name: str) -> str:
    if name in COMMANDS:
        command = COMMANDS[name]
        flags = "".join(
            f"  {flag}{' VALUE' if takes else ''}\n" for flag, takes in command.flags.items()
        )
        return f"usage: {log.PROGRAM} {name} [flags] {command.words}\n{flags}"
    flags = "".join(
        f"  {flag}{' VALUE' if takes else ''}\n" for flag, takes in arguments.GLOBAL.items()
    )
    return f"usage: {log.PROGRAM} [flags] COMMAND\ncommands: {' '.join(COMMANDS)}\n{flags}"
