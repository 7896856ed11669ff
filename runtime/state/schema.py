"""The envelope of each record on disk: JSON with the version of its schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from runtime.errors import Conflict, Unavailable

VERSION = 1


def encode(body: Mapping[str, Any]) -> bytes:
    """Return a record's bytes."""
    return json.dumps({"schema": VERSION, **body}, separators=(",", ":")).encode()


def decode(content: bytes, path: str) -> dict[str, Any]:
    """Return what `encode` was given.

    Raises Conflict for a newer schema, Unavailable for a file that is no record (torn by a crash
    of the machine).
    """
    try:
        body = json.loads(content)
        version = body.pop("schema")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unavailable(f"{path} is damaged: it is no record") from None
    if version > VERSION:
        raise Conflict(
            f"{path} has schema {version}, this Moorage knows {VERSION}: use the newer one"
        )
    return dict(body)
