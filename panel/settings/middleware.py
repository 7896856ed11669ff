"""Django's middlewares in the event loop: a thread only for those that may wait.

Under ASGI Django changes to a thread and back for each hook of each middleware, fifteen times a
request, and nearly none of them reads or writes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import iscoroutinefunction
from typing import Any, ClassVar

from asgiref.sync import markcoroutinefunction, sync_to_async
from django.conf import settings
from django.core.handlers.exception import response_for_exception
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")


class Chain:
    """Runs PARTS in their order, and back in reverse, as Django runs them one inside the other.

    Their hooks on the way in are known to wait for nothing.
    """

    sync_capable = True
    async_capable = True
    PARTS: ClassVar[Sequence[str]] = ()

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        """Make the parts; what they would call next is never called."""
        self._get_response = get_response
        self._parts = tuple(import_string(path)(_never) for path in self.PARTS)
        self._checks = [part for part in self._parts if hasattr(part, "process_view")]
        self.process_view: Callable[..., Any] = self._check
        if iscoroutinefunction(get_response):
            self.process_view = self._check_in_loop
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Answer `request`; a coroutine where the next in the chain is one."""
        if iscoroutinefunction(self._get_response):
            return self._answer(request)
        early, entered = self._enter(request)
        return self._leave(request, early or self._get_response(request), entered)

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        early, entered = self._enter(request)
        response = early or await self._get_response(request)
        leave = sync_to_async(self._leave) if _has_to_write(request) else None
        if leave is None:
            return self._leave(request, response, entered)
        return await leave(request, response, entered)

    def _enter(self, request: HttpRequest) -> tuple[HttpResponseBase | None, Sequence[Any]]:
        """Return an early response, if any, and the parts that it goes back through."""
        for place, part in enumerate(self._parts):
            if not hasattr(part, "process_request"):
                continue
            try:
                early = part.process_request(request)
            except Exception as error:  # noqa: BLE001  # Django turns each into its response
                return response_for_exception(request, error), self._parts[:place]
            if early is not None:
                return early, self._parts[: place + 1]
        return None, self._parts

    def _leave(
        self, request: HttpRequest, response: HttpResponseBase, entered: Sequence[Any]
    ) -> HttpResponseBase:
        for part in reversed(entered):
            if not hasattr(part, "process_response"):
                continue
            try:
                response = part.process_response(request, response)
            except Exception as error:  # noqa: BLE001  # as above
                response = response_for_exception(request, error)
        return response

    def _check(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        for part in self._checks:
            refused: HttpResponseBase | None = part.process_view(request, view, args, kwargs)
            if refused is not None:
                return refused
        return None

    async def _check_in_loop(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        # The check against forgery may have to parse a whole form.
        if request.method in SAFE or getattr(view, "csrf_exempt", False):
            return self._check(request, view, args, kwargs)
        return await sync_to_async(self._check)(request, view, args, kwargs)


class Headers(Chain):
    """What every response gets, static files too."""

    PARTS = (
        "django.middleware.security.SecurityMiddleware",
        "csp.middleware.CSPMiddleware",
    )


class Visit(Chain):
    """Who asks, in which session, and whether the request may be forged."""

    PARTS = (
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    )


def _has_to_write(request: HttpRequest) -> bool:
    """Say whether the session or its messages are saved with the response."""
    messages = getattr(request, "_messages", None)
    session = getattr(request, "session", None)
    told = messages is not None and (messages.used or messages.added_new)
    kept = session is not None and (session.modified or settings.SESSION_SAVE_EVERY_REQUEST)
    return bool(told or kept)


def _never(_request: HttpRequest) -> HttpResponseBase:
    raise AssertionError("the chain calls what comes next")
