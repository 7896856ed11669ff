"""Marks of effects that must not happen twice: durable before the effect begins.

A mark is begun, then done or interrupted. It belongs to the shim: nobody else writes it while one
lives.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from runtime.errors import InvalidSpec
from runtime.events import OnceRecord
from runtime.state import durable, schema

KEPT = 256
"""Marks kept of one container; an operation is repeated within minutes or never."""
_OPERATION = re.compile(r"[A-Za-z0-9_-]{1,64}")


def begin(directory: str, operation: str) -> OnceRecord | None:
    """Mark the operation begun and return None; return what is recorded if it was before."""
    _make(f"{directory}/once")
    body = {"operation": operation, "state": "begun", "result": None, "fault": None}
    if durable.add_durably(_path(directory, operation), schema.encode(body)):
        return None
    return load(directory, operation)


def finish(
    directory: str,
    operation: str,
    *,
    result: Mapping[str, Any] | None = None,
    fault: Mapping[str, Any] | None = None,
    interrupted: bool = False,
) -> None:
    """Record how a begun operation ended."""
    state = "interrupted" if interrupted else "done"
    body = {"operation": operation, "state": state, "result": result, "fault": fault}
    durable.replace_durably(_path(directory, operation), schema.encode(body))


def load(directory: str, operation: str) -> OnceRecord | None:
    """Return what is recorded of an operation, or None if it never began."""
    path = _path(directory, operation)
    try:
        return OnceRecord(**schema.decode(durable.read(path), path))
    except FileNotFoundError:
        return None


def begun(directory: str) -> list[str]:
    """Return the operations that began and did not end."""
    records = (load(directory, name) for name in _names(directory))
    return [record.operation for record in records if record and record.state == "begun"]


def prune(directory: str, *, keep: int = KEPT) -> None:
    """Drop the oldest marks that ended, down to `keep`."""
    names = _names(directory)
    for name in names[: max(0, len(names) - keep)]:
        record = load(directory, name)
        if record and record.state != "begun":
            os.unlink(_path(directory, name))


def _names(directory: str) -> list[str]:
    """Return the operations with a mark, oldest first."""
    try:
        entries = list(os.scandir(f"{directory}/once"))
    except FileNotFoundError:
        return []
    marks = [entry for entry in entries if entry.name.endswith(".json")]
    marks.sort(key=lambda entry: entry.stat().st_mtime_ns)
    return [entry.name.removesuffix(".json") for entry in marks]


def _path(directory: str, operation: str) -> str:
    if not _OPERATION.fullmatch(operation):
        raise InvalidSpec("operation", f"{operation!r} is not an operation's id")
    return f"{directory}/once/{operation}.json"


def _make(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    durable.sync_directory(os.path.dirname(path))
