"""Who is asking: a bearer token, or the browser's session with its CSRF token."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from panel.accounts.actors import Actor, for_token, for_user

SESSION_TEAM = "team"
"""Where the session keeps the slug of the team its user works in."""
SECRETS = frozenset({"token", "access_token", "api_key", "key", "sessionid"})
"""Names under which no secret may stand in an address: addresses end up in logs and referers."""


class BearerToken(BaseAuthentication):
    """`Authorization: Bearer ...`; with that header, cookies do not count (RFC 6750)."""

    def authenticate(self, request: Request) -> tuple[Actor, str] | None:
        """Return the token's actor, None without the header; a bad token is refused."""
        header = request.headers.get("Authorization")
        if header is None:
            return None
        scheme, _, secret = header.partition(" ")
        actor = for_token(secret.strip()) if scheme.lower() == "bearer" else None
        if actor is None:
            raise AuthenticationFailed("the token is not valid")
        return actor, "token"

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return "Bearer"


class BrowserSession(SessionAuthentication):
    """The session cookie; changing anything needs the CSRF token too, whatever the body is."""

    def authenticate(self, request: Request) -> tuple[Actor, str] | None:  # type: ignore[override]
        """Return the actor of the session, None where nobody is signed in."""
        browser: HttpRequest = request._request
        if not browser.user.is_authenticated:
            return None
        chosen = browser.session.get(SESSION_TEAM)
        actor = (for_user(browser.user.pk, chosen) if chosen else None) or for_user(browser.user.pk)
        if actor is None:
            raise AuthenticationFailed("the user is in no team")
        self.enforce_csrf(request)
        return actor, "session"


class SignedIn(BasePermission):
    """Somebody is asking. What they may do is decided per action (accounts.permissions)."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Say whether the request has an actor."""
        return isinstance(request.user, Actor)
