"""What goes wrong, told twice: on stderr for people, and where `--log` says for engines.

An engine reads the last error of the log: one JSON object a line, with level, msg and time.
"""

from __future__ import annotations

import json
import sys

from runtime.cli.arguments import Words

PROGRAM = "moorage-runtime"


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
    except OSError as error:
        sys.stderr.write(f"{PROGRAM}: --log {path}: {error.strerror}\n")
