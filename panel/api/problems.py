"""Errors as RFC 9457 documents. One table says which HTTP status a code of the tree has."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import JsonResponse

from runtime.errors import NotFound, RuntimeFault, Unavailable

MEDIA_TYPE = "application/problem+json"
STATUS: dict[str, int] = {
    "bad_request": 400,
    "invalid_spec": 400,
    "not_authenticated": 401,
    "not_allowed": 403,
    "refused": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "timeout": 408,
    "conflict": 409,
    "cancelled": 409,
    "gone": 410,
    "too_large": 413,
    "unsupported_media_type": 415,
    "fault": 500,
    "internal": 500,
    "interrupted": 500,
    "kernel_refused": 500,
    "unavailable": 503,
    "exhausted": 507,
}
"""Codes are stable; a code that is not here is an error of ours, 500."""
RETRY_SECONDS = 1


class BadRequest(RuntimeFault):
    """The request is not what HTTP or JSON call one."""

    code = "bad_request"

    def details(self) -> dict[str, Any]:
        """Return that it is the body which is wrong."""
        return {"field": "body", "reason": str(self)}


class NotSignedIn(RuntimeFault):
    """Nobody is asking, or with a key that is not valid (any more)."""

    code = "not_authenticated"


class MethodNotAllowed(RuntimeFault):
    """The address has no such method; `allowed` are those it has."""

    code = "method_not_allowed"

    def __init__(self, method: str, allowed: list[str]) -> None:
        super().__init__(f"{method} is not allowed here, only {', '.join(allowed)}")
        self.allowed = allowed


class UnknownMediaType(RuntimeFault):
    """The body is not JSON by its own word."""

    code = "unsupported_media_type"


class TooLate(RuntimeFault):
    """What was waited for did not happen in the time that was given."""

    code = "timeout"


class Unexpected(RuntimeFault):
    """An error nobody planned for; the server's log has it."""

    code = "internal"

    def __init__(self) -> None:
        super().__init__("unexpected error; the log of the server has more")


def answer(fault: RuntimeFault) -> JsonResponse:
    """Return the response for an error, with the headers that belong to its status."""
    told = of_fault(fault)
    response = JsonResponse(told, status=told["status"], content_type=MEDIA_TYPE)
    if isinstance(fault, MethodNotAllowed):
        response["Allow"] = ", ".join(fault.allowed)
    if told["status"] == 401:
        response["WWW-Authenticate"] = "Bearer"
    if told["status"] == 503:
        response["Retry-After"] = str(RETRY_SECONDS)
    return response


def uncaught(error: BaseException | None) -> JsonResponse:
    """Return the response for an error that met no view: it was raised in a middleware."""
    if isinstance(error, OperationalError | InterfaceError):
        return answer(Unavailable("the database is busy; try again"))
    return answer(Unexpected())


def document(
    code: str, detail: str, errors: list[dict[str, str]] | None = None, *, status: int | None = None
) -> dict[str, Any]:
    """Return a problem document; `errors` names each wrong field and why."""
    number = status if status is not None else STATUS.get(code, 500)
    return {
        "type": f"urn:moorage:problem:{code}",
        "title": HTTPStatus(number).phrase,
        "status": number,
        "detail": detail,
        "code": code,
        "errors": errors or [],
    }


def of_fault(fault: RuntimeFault) -> dict[str, Any]:
    """Return the document of an error of the tree.

    What is not found is not named: a foreign object and a missing one must read the same.
    """
    if isinstance(fault, NotFound):
        return document(fault.code, f"no such {fault.kind}")
    return of_row({"code": fault.code, "message": str(fault), "details": fault.details()})


def of_row(error: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of an error that an operation's row keeps."""
    details = error.get("details") or {}
    return document(str(error["code"]), str(error["message"]), _fields(details))


def _fields(details: Mapping[str, Any]) -> list[dict[str, str]]:
    if details.get("refusals"):
        return [dict(one) for one in details["refusals"]]
    if details.get("field"):
        return [{"field": str(details["field"]), "reason": str(details.get("reason", ""))}]
    return []
