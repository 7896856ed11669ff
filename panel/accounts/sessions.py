"""Browser sessions: which team one works in, and whether it still is one."""

from __future__ import annotations

from typing import Any, Protocol

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.utils.crypto import constant_time_compare

from panel.accounts.actors import Actor, current, for_user
from panel.accounts.models import User

TEAM = "team"
"""Where the session keeps the slug of the team its user works in."""


class Session(Protocol):
    """What is needed of a session: pages, REST and sockets have the same one."""

    def get(self, key: str) -> Any:
        """Return what is kept under `key`."""


def actor_of(user_id: int | None, session: Session) -> Actor | None:
    """Return the actor in the chosen team, or else in the user's first; None for nobody."""
    chosen = session.get(TEAM)
    actor = for_user(user_id, str(chosen)) if chosen else None
    return actor or for_user(user_id)


def opened(key: str | None) -> SessionStore | None:
    """Return the session with this key, None where it was ended (accounts.models.User)."""
    session = SessionStore(key)
    user = User.objects.filter(pk=session.get(SESSION_KEY, 0), is_active=True).first()
    if user is None:
        return None
    stamp = session.get(HASH_SESSION_KEY, "")
    return session if constant_time_compare(stamp, user.get_session_auth_hash()) else None


def still_there(key: str | None, actor: Actor) -> Actor | None:
    """Return who opened something as they are now, None where they may not go on.

    `key` is that of the session they came with; a token has none. A session may have changed its
    team meanwhile; what is open stays with the one it was opened in.
    """
    if actor.token_id is None:
        session = opened(key)
        if session is None or int(session[SESSION_KEY]) != actor.user_id:
            return None
    return current(actor)
