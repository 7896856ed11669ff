"""What all resources have in common: the actor, `?wait=`, and every error as a problem."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse, HttpResponseBase
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from panel.accounts.actors import Actor
from panel.api import problems
from panel.api.authentication import SECRETS, BearerToken, BrowserSession, SignedIn
from panel.api.shapes import operation_json
from panel.operations.models import UNFINISHED, Operation, Status
from panel.operations.wait import wait_for
from runtime.errors import InvalidSpec, RuntimeFault
from runtime.spec import fields

LONGEST_WAIT_SECONDS = 300.0

logger = logging.getLogger(__name__)


class Later(HttpResponse):
    """An answer that is completed on the event loop, once the thread of the view is free again."""

    def __init__(self, complete: Callable[[], Awaitable[HttpResponseBase]]) -> None:
        super().__init__()
        self.complete = complete


class OneRenderer(BaseContentNegotiation):
    """JSON whatever is accepted; resources with another form look at the header themselves."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Return the parser for the request's media type."""
        matching = (one for one in parsers if one.media_type == _media_type(request))
        return next(matching, None)

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the first renderer."""
        return renderers[0], renderers[0].media_type


class Resource(APIView):
    """A view whose methods are short and synchronous; what has to wait is left to a `Later`."""

    view_is_async = True
    http_method_names: ClassVar[list[str]] = ["get", "post", "delete"]
    authentication_classes: ClassVar = [BearerToken, BrowserSession]
    permission_classes: ClassVar = [SignedIn]
    parser_classes: ClassVar[list[type[BaseParser]]] = [JSONParser]
    renderer_classes: ClassVar[list[type[BaseRenderer]]] = [JSONRenderer]
    content_negotiation_class = OneRenderer
    wait_seconds = 0.0

    async def dispatch(self, request: Any, *args: Any, **options: Any) -> HttpResponseBase:  # type: ignore[override]
        """Answer in a thread, then complete on the event loop what has to wait."""
        answer: HttpResponseBase = await sync_to_async(super().dispatch)(request, *args, **options)
        if not isinstance(answer, Later):
            return answer
        try:
            completed = await answer.complete()
        except Exception as error:  # noqa: BLE001  # every error becomes a problem document
            completed = self.handle_exception(error)
        return self.finalize_response(self.request, completed)

    def initial(self, request: Request, *args: Any, **options: Any) -> None:
        """Refuse secrets in the address and read `?wait=` before anything is done."""
        for name in request.query_params:
            if name in SECRETS:
                raise InvalidSpec(name, "a secret belongs in the Authorization header")
        super().initial(request, *args, **options)
        self.wait_seconds = seconds(request, "wait", LONGEST_WAIT_SECONDS) or 0.0

    def handle_exception(self, exc: Exception) -> Response:
        """Return the problem document for any error."""
        told, headers = _told(exc)
        if told["status"] == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if told["status"] == 503:
            headers["Retry-After"] = str(problems.RETRY_SECONDS)
        return Response(
            told, status=told["status"], headers=headers, content_type=problems.MEDIA_TYPE
        )

    @property
    def actor(self) -> Actor:
        """Who is asking."""
        actor = self.request.user
        assert isinstance(actor, Actor), "SignedIn let nobody in"
        return actor

    @property
    def body(self) -> Mapping[str, Any]:
        """The object in the request's body, empty where there is none. Raises InvalidSpec."""
        return fields.mapping("body", self.request.data)

    def accepted(self, operation: Operation, *, made: bool = False) -> HttpResponseBase:
        """Answer 202, or what `?wait=` waits for: 200, and 201 where it `made` something."""
        if self.wait_seconds <= 0:
            return _operation(operation, 202)

        async def complete() -> HttpResponseBase:
            row = await wait_for(operation.pk, self.wait_seconds)
            if row.status in UNFINISHED:
                return _operation(row, 202)
            return _operation(row, 201 if made and row.status == Status.SUCCEEDED else 200)

        return Later(complete)


def seconds(request: Request, name: str, longest: float) -> float | None:
    """Return the number of seconds in a query parameter, None without it. Raises InvalidSpec."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        raise InvalidSpec(name, f"{text!r} is not a number of seconds") from None
    if not 0 <= number <= longest:
        raise InvalidSpec(name, f"{text} is not between 0 and {longest:.0f} seconds")
    return number


def whole(request: Request, name: str, high: int = (1 << 63) - 1) -> int | None:
    """Return the whole number in a query parameter, None without it. Raises InvalidSpec."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 19 or int(text) > high:
        raise InvalidSpec(name, f"{text!r} is not a whole number from 0 to {high}")
    return int(text)


def switch(request: Request, name: str) -> bool:
    """Return whether a query parameter is on: 1 or true. Raises InvalidSpec."""
    text = request.query_params.get(name, "0").lower()
    if text not in ("0", "1", "true", "false"):
        raise InvalidSpec(name, f"{text!r} is neither 1 nor 0")
    return text in ("1", "true")


def _operation(operation: Operation, status: int) -> Response:
    location = f"/api/v1/operations/{operation.pk}"
    return Response(operation_json(operation), status=status, headers={"Location": location})


def _media_type(request: Request) -> str:
    return str(request.content_type or "").partition(";")[0].strip().lower()


def _told(exc: Exception) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the problem document of an error, and headers that belong to it."""
    if isinstance(exc, RuntimeFault):
        return problems.of_fault(exc), {}
    if isinstance(exc, OperationalError | InterfaceError):
        logger.warning("the database is busy or away: %s", exc)
        return problems.document("unavailable", "the database is busy; try again"), {}
    if isinstance(exc, Http404):
        return problems.document("not_found", "no such resource"), {}
    if isinstance(exc, RequestDataTooBig):
        return problems.document("too_large", str(exc)), {}
    if isinstance(exc, PermissionDenied):
        return problems.document("not_allowed", str(exc) or "not allowed"), {}
    if isinstance(exc, exceptions.APIException):
        return _of_framework(exc)
    logger.error("unexpected error", exc_info=exc)
    return problems.document("internal", "unexpected error; the log of the server has more"), {}


def _of_framework(exc: exceptions.APIException) -> tuple[dict[str, Any], dict[str, str]]:
    detail = str(exc.detail)
    if isinstance(exc, exceptions.MethodNotAllowed):
        return problems.document("method_not_allowed", detail), {}
    code = {
        400: "bad_request",
        401: "not_authenticated",
        403: "not_allowed",
        404: "not_found",
        415: "unsupported_media_type",
    }.get(exc.status_code, "internal")
    if isinstance(exc, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        code = "not_authenticated"
    errors = [{"field": "body", "reason": detail}] if code == "bad_request" else []
    return problems.document(code, detail, errors), {}
