"""The way into every REST view: who asks, in which method, and errors as problem documents."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.http.request import RawPostDataException
from django.middleware.csrf import CsrfViewMiddleware
from django.views.decorators.csrf import csrf_exempt

from panel.accounts import sessions
from panel.accounts.actors import Actor, for_token
from panel.accounts.permissions import Action, NotAllowed, may
from panel.accounts.standing import Look
from panel.api import problems
from panel.database.sharing import giving_back
from runtime.errors import InvalidSpec, NotFound, RuntimeFault, Unavailable

SAFE = ("GET", "HEAD", "OPTIONS")
SECRETS = frozenset({"token", "access_token", "api_key", "key", "sessionid"})
JSON_TYPES = ("application/json", "")
LONGEST_WAIT_SECONDS = 300.0

View = Callable[..., HttpResponseBase] | Callable[..., Awaitable[HttpResponseBase]]
logger = logging.getLogger(__name__)


class _Forgery(CsrfViewMiddleware):
    """Checks a cookie's request; the reason comes back instead of a page."""

    def _reject(self, _request: HttpRequest, reason: str) -> Any:
        return reason


def route(**views: View) -> Callable[..., Coroutine[Any, Any, HttpResponseBase]]:
    """Return one view for all methods of an address: `route(GET=..., POST=...)`.

    Each gets the request and its actor. A method without a view is 405, nobody is 401.
    """

    @csrf_exempt
    async def dispatch(request: HttpRequest, **names: str) -> HttpResponseBase:
        response = await guarded(request, names)
        response["Cache-Control"] = "no-store"
        return response

    async def guarded(request: HttpRequest, names: dict[str, str]) -> HttpResponseBase:
        try:
            return await _dispatch(views, request, names)
        except RuntimeFault as fault:
            return problems.answer(fault)
        except (OperationalError, InterfaceError):
            logger.warning("the database is busy or away", exc_info=True)
            return problems.answer(Unavailable("the database is busy; try again"))
        except RawPostDataException:
            return problems.answer(problems.BadRequest("the body cannot be read"))
        except Exception:
            logger.exception("unexpected error")
            return problems.answer(problems.Unexpected())

    dispatch.views = views  # type: ignore[attr-defined]  # the permission test reads it
    return dispatch


async def _dispatch(
    views: dict[str, View], request: HttpRequest, names: dict[str, str]
) -> HttpResponseBase:
    view = views.get(str(request.method))
    if view is None:
        raise problems.MethodNotAllowed(str(request.method), sorted(views))
    _refuse_secrets(request)
    actor = await sync_to_async(_actor)(request)
    if inspect.iscoroutinefunction(view):
        answered: HttpResponseBase = await view(request, actor, **names)
        return answered
    in_thread = sync_to_async(cast("Callable[..., HttpResponseBase]", view))
    return await in_thread(request, actor, **names)


def _refuse_secrets(request: HttpRequest) -> None:
    """Refuse keys in the address, which ends up in logs and referers, and what no row can hold."""
    for name in request.GET:
        if name in SECRETS:
            raise InvalidSpec(name, "a secret belongs into the Authorization header")
        if "\0" in request.GET[name]:
            raise InvalidSpec(name, "contains a NUL character")
    if "\0" in request.path:
        raise NotFound("address", request.path)


def _actor(request: HttpRequest) -> Actor:
    header = request.headers.get("Authorization")
    if header is not None:
        scheme, _, secret = header.partition(" ")
        actor = for_token(secret.strip()) if scheme.lower() == "bearer" else None
    else:
        actor = _of_session(request)
    if actor is None:
        raise problems.NotSignedIn("send a bearer token, or sign in")
    return actor


def _of_session(request: HttpRequest) -> Actor | None:
    user = request.user
    if not user.is_authenticated:
        return None
    if request.method not in SAFE:
        check = _Forgery(lambda _: HttpResponse())
        check.process_request(request)
        reason = check.process_view(request, HttpResponse, (), {})
        if reason is not None:
            raise NotAllowed(f"the request may be forged: {reason}")
    return sessions.actor_of(user.pk, request.session)


def standing(request: HttpRequest, actor: Actor, action: Action) -> Look:
    """Return the look that says whether who asked may still have what `action` allows."""
    key = request.session.session_key

    def may_go_on() -> bool:
        return may(sessions.still_there(key, actor), action)

    return sync_to_async(giving_back(may_go_on))


def body(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object in the body; an empty body is an empty one. Raises BadRequest."""
    if not request.body:
        return {}
    if request.content_type not in JSON_TYPES:
        raise problems.UnknownMediaType(f"{request.content_type!r} is not application/json")
    try:
        plain = json.loads(request.body, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise problems.BadRequest(f"the body is not JSON: {error}") from None
    if not isinstance(plain, dict):
        raise problems.BadRequest("the body is not a JSON object")
    return plain


def wait_seconds(request: HttpRequest, name: str = "wait") -> float:
    """Return how long the reply may be held, 0 where it is not asked for. Raises InvalidSpec."""
    text = request.GET.get(name, "0")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_WAIT_SECONDS:
        raise InvalidSpec(name, f"{text!r} is not a number from 0 to {LONGEST_WAIT_SECONDS:g}")
    return seconds


def flag(request: HttpRequest, name: str) -> bool:
    """Return whether a query parameter says yes. Raises InvalidSpec."""
    text = request.GET.get(name, "0").lower()
    if text not in ("", "0", "1", "true", "false"):
        raise InvalidSpec(name, f"{text!r} is neither 1 nor 0")
    return text in ("1", "true")


def whole(request: HttpRequest, name: str, default: int | None, high: int) -> int | None:
    """Return a whole number of the query string. Raises InvalidSpec."""
    text = request.GET.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 19 or int(text) > high:
        raise InvalidSpec(name, f"{text!r} is not a whole number from 0 to {high}")
    return int(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) != len(pairs):
        raise ValueError("a key stands there twice")
    return plain


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
