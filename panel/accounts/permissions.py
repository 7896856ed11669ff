"""The one place that says who may do what. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from panel.accounts.actors import Actor
from panel.accounts.roles import Role
from runtime.errors import RuntimeFault


class Action(StrEnum):
    """Everything that is allowed or not; `NEEDED` has the role for each."""

    CONTAINER_VIEW = "container.view"
    CONTAINER_LOGS = "container.logs"
    CONTAINER_CHANGE = "container.change"
    CONTAINER_EXEC = "container.exec"
    IMAGE_VIEW = "image.view"
    IMAGE_LOAD = "image.load"
    IMAGE_DELETE = "image.delete"
    OPERATION_VIEW = "operation.view"
    OPERATION_CANCEL = "operation.cancel"
    EVENT_VIEW = "event.view"
    TEAM_VIEW = "team.view"
    TEAM_MANAGE = "team.manage"


NEEDED: dict[Action, Role] = {
    Action.CONTAINER_VIEW: Role.VIEWER,
    Action.CONTAINER_LOGS: Role.VIEWER,
    Action.CONTAINER_CHANGE: Role.OPERATOR,
    Action.CONTAINER_EXEC: Role.OPERATOR,
    Action.IMAGE_VIEW: Role.VIEWER,
    Action.IMAGE_LOAD: Role.OPERATOR,
    Action.IMAGE_DELETE: Role.ADMIN,
    Action.OPERATION_VIEW: Role.VIEWER,
    Action.OPERATION_CANCEL: Role.OPERATOR,
    Action.EVENT_VIEW: Role.VIEWER,
    Action.TEAM_VIEW: Role.VIEWER,
    Action.TEAM_MANAGE: Role.ADMIN,
}


class OfTeam(Protocol):
    """Anything that belongs to a team."""

    @property
    def team_id(self) -> int:
        """Return the key of the owning team."""


class NotAllowed(RuntimeFault):
    """The actor's role does not cover the action, or nobody is signed in."""

    code = "not_allowed"


def may(actor: Actor | None, action: Action, subject: OfTeam | None = None) -> bool:
    """Say whether `actor` may do `action` to `subject`; None means the actor's own team.

    What belongs to another team is never allowed: deliverers answer as if it did not exist. An
    actor is bound to one team, a superuser too.
    """
    if actor is None:
        return False
    if subject is not None and subject.team_id != actor.team_id:
        return False
    needed = NEEDED.get(action)
    return needed is not None and actor.role.covers(needed)


def require(actor: Actor | None, action: Action, subject: OfTeam | None = None) -> None:
    """Raise NotAllowed unless `may`."""
    if not may(actor, action, subject):
        who = actor.role.value if actor is not None else "nobody"
        raise NotAllowed(f"{action.value}: not for {who}")
