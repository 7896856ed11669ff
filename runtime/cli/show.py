"""Tell of containers: state and list."""

from __future__ import annotations

import json
import sys
from typing import Any

from runtime.cli import containers
from runtime.cli.arguments import Words
from runtime.cli.containers import Container, root_of
from runtime.errors import InvalidSpec

_COLUMNS = ("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER")


def state(words: Words) -> int:
    """Print the state of a container (runtime.md#query-state), and a little more."""
    container = containers.find(root_of(words), words.words[0])
    sys.stdout.write(json.dumps(_more(container), indent=2) + "\n")
    return 0


def list_all(words: Words) -> int:
    """Print all containers: a table, their ids, or with `--format json` all that is known."""
    found = containers.find_all(root_of(words))
    wanted = words.last("--format", "table")
    if words.is_on("--quiet"):
        sys.stdout.write("".join(f"{container.record.id}\n" for container in found))
    elif wanted == "json":
        sys.stdout.write(json.dumps([_more(container) for container in found]) + "\n")
    elif wanted == "table":
        sys.stdout.write(_table([_row(container) for container in found]))
    else:
        raise InvalidSpec("--format", f"{wanted!r} is neither table nor json")
    return 0


def _more(container: Container) -> dict[str, Any]:
    record = container.record
    more = {"rootfs": record.rootfs, "created": record.created, "owner": record.owner}
    return container.state() | more


def _row(container: Container) -> tuple[str, ...]:
    told = _more(container)
    return tuple(str(told[name.lower()]) for name in _COLUMNS)


def _table(rows: list[tuple[str, ...]]) -> str:
    lines = [_COLUMNS, *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(_COLUMNS))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in lines
    )
