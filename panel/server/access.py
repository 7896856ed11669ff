"""The access log: who asked for what, and how it ended. Never a query, never a secret. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SEGMENT = 40
"""A path segment longer than this may be a secret (a login link); only its beginning is kept."""

_UNPRINTABLE = re.compile(r"[^\x21-\x7e]")


def line(action: str, details: Mapping[str, Any]) -> str:
    """Return one line for `details` of an exchange; a client cannot break out of the line."""
    parts = [str(details.get("client") or "-"), str(details.get("method") or action)]
    parts.append(safe_path(str(details.get("path", ""))))
    if "status" in details:
        parts.append(str(details["status"]))
        parts.append(f"{details.get('size', 0)}B")
        parts.append(f"{float(details.get('time_taken', 0)) * 1000:.1f}ms")
    return " ".join(_UNPRINTABLE.sub("?", part) for part in parts)


def safe_path(uri: str) -> str:
    """Return the path of `uri` without its query and with long segments cut."""
    path = uri.partition("?")[0]
    return "/".join(
        segment if len(segment) <= SEGMENT else f"{segment[:8]}..." for segment in path.split("/")
    )
