"""Who is asking: a user in one team, as it is right now. Made anew for every check."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from panel.accounts.models import Membership, Team, Token, User
from panel.accounts.roles import Role

USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A user acting in one team; `token_id` says which token spoke, None means a session."""

    user_id: int
    username: str
    team_id: int
    team_slug: str
    role: Role
    is_superuser: bool = False
    token_id: int | None = None


def for_user(user_id: int | None, team_slug: str | None = None) -> Actor | None:
    """Return the actor for a signed-in user, in `team_slug` or else in their first team.

    None for a user that is disabled or unknown, and for a team they have no part in. A superuser
    is an admin of every team.
    """
    if user_id is None:
        return None
    user = User.objects.filter(pk=user_id).first()
    return _in_team(user, team_slug) if user is not None else None


def _in_team(user: User, team_slug: str | None) -> Actor | None:
    if not user.is_active:
        return None
    memberships = Membership.objects.filter(user=user).select_related("team")
    if team_slug is not None:
        memberships = memberships.filter(team__slug=team_slug)
    membership = memberships.order_by("team__slug").first()
    if membership is not None:
        return _actor(user, membership.team, Role(membership.role))
    if not user.is_superuser:
        return None
    teams = Team.objects.order_by("slug")
    team = (teams.filter(slug=team_slug) if team_slug is not None else teams).first()
    return _actor(user, team, Role.ADMIN) if team is not None else None


def for_token(secret: str) -> Actor | None:
    """Return the actor that a bearer token speaks for, or None where it is not (or no more) valid.

    A token dies with its time, its user, the user's place in the team, and when the user's role
    has become weaker than it was when the token was issued.
    """
    token = (
        Token.objects.filter(sha256=digest(secret))
        .filter(Q(expires=None) | Q(expires__gt=timezone.now()))
        .select_related("team", "user")
        .first()
    )
    if token is None:
        return None
    actor = _in_team(token.user, token.team.slug)
    if actor is None or not actor.role.covers(Role(token.role)):
        return None
    _note_use(token)
    return _actor_with(actor, token.pk)


def current(actor: Actor) -> Actor | None:
    """Return the actor as it is now, or None where it may not go on: for open sockets."""
    now = for_user(actor.user_id, actor.team_slug)
    if now is None or actor.token_id is None:
        return now
    token = (
        Token.objects.filter(pk=actor.token_id)
        .filter(Q(expires=None) | Q(expires__gt=timezone.now()))
        .first()
    )
    if token is None or not now.role.covers(Role(token.role)):
        return None
    return _actor_with(now, token.pk)


def teams_of(user_id: int) -> list[Team]:
    """Return the teams a user can act in, by slug; a superuser can in all."""
    teams = Team.objects.order_by("slug")
    if User.objects.filter(pk=user_id, is_active=True, is_superuser=True).exists():
        return list(teams)
    return list(teams.filter(memberships__user_id=user_id, memberships__user__is_active=True))


def digest(secret: str) -> str:
    """Return what is stored of a 256-bit secret; it needs no salt and no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _actor(user: User, team: Team, role: Role) -> Actor:
    return Actor(
        user_id=user.pk,
        username=user.username,
        team_id=team.pk,
        team_slug=team.slug,
        role=Role.ADMIN if user.is_superuser else role,
        is_superuser=user.is_superuser,
    )


def _actor_with(actor: Actor, token_id: int) -> Actor:
    return Actor(
        user_id=actor.user_id,
        username=actor.username,
        team_id=actor.team_id,
        team_slug=actor.team_slug,
        role=actor.role,
        is_superuser=actor.is_superuser,
        token_id=token_id,
    )


def _note_use(token: Token) -> None:
    now = timezone.now()
    if token.last_used is None or now - token.last_used > USE_NOTED_EVERY:
        Token.objects.filter(pk=token.pk).update(last_used=now)
