"""The three roles of a team, weakest first. Pure."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a member is in a team; each role can do all that the weaker ones can."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """Return 0 for the weakest role and more for stronger ones."""
        return list(Role).index(self)

    def covers(self, needed: Role) -> bool:
        """Say whether this role can do what needs `needed`."""
        return self.rank >= needed.rank
