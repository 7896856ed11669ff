"""Who opens a socket: a bearer token, or a session whose page is ours."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.utils.crypto import constant_time_compare

from panel.accounts.actors import Actor, for_token, for_user
from panel.accounts.models import User

TEAM_KEY = "team"
"""Where the session keeps the slug of the team its user works in."""


def actor_of(scope: dict[str, Any]) -> Actor | None:
    """Return who opens this socket, or None.

    A cookie counts only from a page of this very host (RFC 6455 section 10.2): browsers send
    cookies with sockets that any site opens.
    """
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return for_token(secret.strip())
    if not _is_same_origin(headers):
        return None
    cookie = SimpleCookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME)
    return _of_session(cookie.value) if cookie is not None else None


def _is_same_origin(headers: dict[str, str]) -> bool:
    origin = urlsplit(headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc == headers.get("host")


def _of_session(key: str) -> Actor | None:
    session = SessionStore(key)
    user = User.objects.filter(pk=session.get(SESSION_KEY, 0), is_active=True).first()
    if user is None:
        return None
    stamp = session.get(HASH_SESSION_KEY, "")
    if not constant_time_compare(stamp, user.get_session_auth_hash()):
        return None
    chosen = session.get(TEAM_KEY)
    return (for_user(user.pk, chosen) if chosen else None) or for_user(user.pk)
