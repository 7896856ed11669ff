"""Which team a browser session works in; whoever takes the session cookie asks here."""

from __future__ import annotations

from typing import Any, Protocol

from panel.accounts.actors import Actor, for_user

TEAM = "team"


class Session(Protocol):
    """What is needed of a session: pages, REST and sockets have the same one."""

    def get(self, key: str) -> Any:
        """Return what is kept under `key`."""


def actor_of(user_id: int | None, session: Session) -> Actor | None:
    """Return the actor in the chosen team, or else in the user's first; None for nobody."""
    chosen = session.get(TEAM)
    actor = for_user(user_id, str(chosen)) if chosen else None
    return actor or for_user(user_id)
