"""A RuntimeFault as plain data, and back: an error keeps its class across the socket. Pure."""

from __future__ import annotations

import errno as _errno
from collections.abc import Callable, Mapping
from typing import Any

from runtime.errors import (
    Cancelled,
    Conflict,
    Exhausted,
    Interrupted,
    InvalidSpec,
    KernelRefused,
    NotFound,
    RuntimeFault,
    Unavailable,
)


def to_json(fault: RuntimeFault) -> dict[str, Any]:
    """Return plain data; `from_json` is its inverse."""
    details = fault.details()
    if isinstance(fault, KernelRefused):
        details = {**details, "path": fault.path}
    return {"code": fault.code, "message": str(fault), "details": details}


def from_json(plain: Mapping[str, Any]) -> RuntimeFault:
    """Rebuild the fault that `to_json` described; a code of a newer sender becomes Unavailable."""
    code, message = str(plain.get("code", "")), str(plain.get("message", ""))
    details = plain.get("details")
    rebuild = _REBUILD.get(code)
    if rebuild is not None and isinstance(details, Mapping):
        return rebuild(details)
    return _PLAIN.get(code, Unavailable)(message)


def _kernel_refused(details: Mapping[str, Any]) -> RuntimeFault:
    number = getattr(_errno, str(details.get("errno")), 0)
    return KernelRefused(str(details.get("call")), number, str(details.get("path", "")))


_PLAIN: dict[str, Callable[[str], RuntimeFault]] = {
    kind.code: kind for kind in (Conflict, Exhausted, Unavailable, Interrupted, Cancelled)
}
_REBUILD: dict[str, Callable[[Mapping[str, Any]], RuntimeFault]] = {
    InvalidSpec.code: lambda d: InvalidSpec(str(d.get("field")), str(d.get("reason"))),
    NotFound.code: lambda d: NotFound(str(d.get("kind")), str(d.get("name"))),
    KernelRefused.code: _kernel_refused,
}
