"""Who opens a socket: a bearer token, or a session whose page is ours."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.http import parse_cookie
from django.utils.crypto import constant_time_compare

from panel.accounts.actors import Actor, current, for_token, for_user
from panel.accounts.models import User

TEAM_KEY = "team"
"""Where the session keeps the slug of the team its user works in."""


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
    session = _session(headers)
    if session is None:
        return None
    user, chosen = int(session[SESSION_KEY]), session.get(TEAM_KEY)
    return (for_user(user, chosen) if chosen else None) or for_user(user)


def still_there(scope: dict[str, Any], actor: Actor) -> Actor | None:
    """Return who opened this socket as they are now, None where they may not go on.

    A session may have changed its team meanwhile; the socket stays with the one it was opened in.
    """
    if actor.token_id is None:
        session = _session(_headers(scope))
        if session is None or int(session[SESSION_KEY]) != actor.user_id:
            return None
    return current(actor)


def _headers(scope: dict[str, Any]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _is_same_origin(headers: dict[str, str]) -> bool:
    origin = urlsplit(headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc == headers.get("host")


def _session(headers: dict[str, str]) -> SessionStore | None:
    """Return the session of the cookie, None where it was ended (accounts.models.User)."""
    key = parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME)
    session = SessionStore(key)
    user = User.objects.filter(pk=session.get(SESSION_KEY, 0), is_active=True).first()
    if user is None:
        return None
    stamp = session.get(HASH_SESSION_KEY, "")
    return session if constant_time_compare(stamp, user.get_session_auth_hash()) else None
