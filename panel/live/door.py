"""Who opens a socket: a bearer token, or a session whose page is ours."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import parse_cookie

from panel.accounts import sessions
from panel.accounts.actors import Actor, for_token


def actor_of(scope: dict[str, Any]) -> Actor | None:
    """Return who opens this socket, or None.

    A cookie counts only from a page of this very host (RFC 6455 section 10.2): browsers send
    cookies with sockets that any site opens. With an Authorization header it does not count.
    """
    headers = _headers(scope)
    if "authorization" in headers:
        scheme, _, secret = headers["authorization"].partition(" ")
        return for_token(secret.strip()) if scheme.lower() == "bearer" else None
    if not _is_same_origin(headers):
        return None
    session = sessions.opened(_session_key(headers))
    return sessions.actor_of(int(session[SESSION_KEY]), session) if session is not None else None


def still_there(scope: dict[str, Any], actor: Actor) -> Actor | None:
    """Return who opened this socket as they are now, None where they may not go on."""
    return sessions.still_there(_session_key(_headers(scope)), actor)


def _headers(scope: dict[str, Any]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _is_same_origin(headers: dict[str, str]) -> bool:
    origin = urlsplit(headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc == headers.get("host")


def _session_key(headers: dict[str, str]) -> str | None:
    return parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME)
