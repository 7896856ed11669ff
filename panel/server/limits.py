"""How much a client may send, and which requests hand their body on while it still comes. Pure."""

from __future__ import annotations

import re

BODY_LIMIT = 4 * 1024 * 1024
"""Bytes of a body that is collected before the application sees it."""
MESSAGE_LIMIT = 64 * 1024
"""Bytes of one WebSocket message from a client."""
INBOX_HIGH = 256 * 1024
INBOX_LOW = 64 * 1024
"""Bytes that wait for the application: reading stops above HIGH and goes on below LOW."""
INBOX_MESSAGES = 64
STALL_SECONDS = 600.0
"""A client that takes nothing of its answer for so long is cut."""
LINGER_SECONDS = 2.0
"""How long a refused client may go on sending before the connection is closed on it."""

_STREAMED = re.compile(rb"/api/v1/images/load/?")


def streams_its_body(method: bytes, uri: bytes) -> bool:
    """Say whether the application takes the body of this request chunk by chunk."""
    return method == b"POST" and _STREAMED.fullmatch(uri.partition(b"?")[0]) is not None
