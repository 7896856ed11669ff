"""An error as it is kept in an operation's row. Pure."""

from __future__ import annotations

from typing import Any

from runtime.errors import RuntimeFault


def problem(fault: RuntimeFault) -> dict[str, Any]:
    """Return code, message and details of a fault; deliverers make RFC 9457 documents of it."""
    return {"code": fault.code, "message": str(fault), "details": fault.details()}


def unexpected(error: BaseException) -> dict[str, Any]:
    """Return the problem for an error nobody planned for; the log has the rest."""
    return {
        "code": "internal",
        "message": f"unexpected {type(error).__name__}; the log of the worker has more",
        "details": {},
    }
