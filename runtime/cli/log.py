"""What goes wrong, told twice: on stderr for people, and where `--log` says for engines.

An engine reads the last error of the log: one JSON object a line, with level, msg and time.
"""

from __future__ import annotations

import json
import sys

from runtime.cli.arguments import Words
from runtime.errors import InvalidSpec

PROGRAM = "moorage-runtime"
FORMATS = ("text", "json")


def check(words: Words) -> None:
    """Raise InvalidSpec where `--log` cannot be written, or `--log-format` is none: an engine would
    wait in vain for what it is told there."""
    wanted = words.last("--log-format", FORMATS[0])
    if wanted not in FORMATS:
        raise InvalidSpec("--log-format", f"{wanted!r} is none of {', '.join(FORMATS)}")
    path = words.last("--log")
    if not path:
        return
    try:
        with open(path, "a", encoding="utf-8"):
            return
    except OSError as error:
        raise InvalidSpec("--log", f"{path}: {(error.strerror or str(error)).lower()}") from None


def fail(words: Words | None, text: str) -> None:
    """Tell an error."""
    _tell(words, "error", text)


def warn(words: Words | None, text: str) -> None:
    """Tell a warning."""
    _tell(words, "warning", text)


def _tell(words: Words | None, level: str, text: str) -> None:
    mark = "" if level == "error" else f"{level}: "
    sys.stderr.write(f"{PROGRAM}: {mark}{text}\n")
    path = words.last("--log") if words is not None else ""
    if not path:
        return
    from datetime import UTC, datetime

    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    line = json.dumps({"level": level, "msg": text, "time": now})
    if words is not None and words.last("--log-format") != "json":
        line = f'time="{now}" level={level} msg={json.dumps(text)}'
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{line}\n")
    except OSError:
        return  # that it cannot be written is what is told, or it became so
