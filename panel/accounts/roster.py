"""Make and change users, teams and their keys. Every weakening ends what is open."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from panel.accounts.actors import digest, for_user, teams_of
from panel.accounts.models import IdRangeCounter, LoginLink, Membership, Team, Token, User
from panel.accounts.roles import Role
from runtime.config import ID_RANGE_SIZE
from runtime.errors import Exhausted, InvalidSpec, NotFound
from runtime.spec.container import NAMESPACE

HIGHEST_ID = 0xFFFF_0000
LINK_LIFE_SECONDS = 600
MARK = "moor_"
_USERNAME = re.compile(r"[\w.@+-]{1,150}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a user is to be: the role in a team, and whether of the whole platform."""

    team: str | None = None
    role: Role = Role.VIEWER
    superuser: bool = False
    disabled: bool = False


@transaction.atomic
def ensure_team(slug: str, name: str = "") -> tuple[Team, bool]:
    """Return the team called `slug` and whether it was made just now, with an id range of its own.

    Raises InvalidSpec for a slug the engine could not use, Exhausted when all ids are given away.
    """
    if not NAMESPACE.fullmatch(slug):
        raise InvalidSpec("team", f"{slug!r} must be 1 to 63 of a-z, 0-9 and '-'")
    team = Team.objects.filter(slug=slug).first()
    if team is not None:
        return team, False
    return Team.objects.create(slug=slug, name=name or slug, id_range=_next_range()), True


@transaction.atomic
def ensure_user(username: str, place: Place) -> tuple[User, bool]:
    """Make `username` what `place` says, and return the user and whether it was made just now.

    A weaker role, a lost superuser right or a disabled user ends sessions, links and the tokens
    that were stronger. Raises InvalidSpec, NotFound for a team that there is not.
    """
    if not _USERNAME.fullmatch(username):
        raise InvalidSpec("user", f"{username!r} must be 1 to 150 letters, digits and @.+-_")
    user = User.objects.select_for_update().filter(username=username).first()
    made = user is None
    if user is None:
        user = User(username=username)
        user.set_unusable_password()
    weaker = not made and ((user.is_superuser and not place.superuser) or place.disabled)
    user.is_superuser, user.is_active = place.superuser, not place.disabled
    user.save()
    if place.team is not None:
        weaker |= _join(user, place.team, place.role)
    if weaker:
        end_access(user)
    return user, made


@transaction.atomic
def leave_team(username: str, slug: str) -> None:
    """Take a user out of a team and end their access to it."""
    user = find_user(username)
    Membership.objects.filter(user=user, team__slug=slug).delete()
    Token.objects.filter(user=user, team__slug=slug).delete()
    end_access(user)


def end_access(user: User) -> None:
    """End every session and login link of `user`, and the tokens that are too strong now."""
    User.objects.filter(pk=user.pk).update(access_epoch=F("access_epoch") + 1)
    LoginLink.objects.filter(user=user, redeemed=None).delete()
    for token in Token.objects.filter(user=user).select_related("team"):
        actor = for_user(user.pk, token.team.slug)
        if actor is None or not actor.role.covers(Role(token.role)):
            token.delete()


def issue_token(
    username: str, team: str | None = None, *, expires_seconds: int | None = None, name: str = ""
) -> str:
    """Return a new token of `username` for `team`; it is stored nowhere and shown only here.

    Raises NotFound, and InvalidSpec("team") where the user has several teams and none is named.
    """
    user = find_user(username)
    if expires_seconds is not None and expires_seconds <= 0:
        raise InvalidSpec("expires", f"{expires_seconds} is not a number of seconds to come")
    slug = team if team is not None else _only_team(user)
    actor = for_user(user.pk, slug)
    if actor is None:
        raise NotFound("member of the team", f"{username} in {slug}")
    secret = MARK + secrets.token_urlsafe(32)
    Token.objects.create(
        user=user,
        team_id=actor.team_id,
        name=name,
        prefix=secret[: len(MARK) + 6],
        sha256=digest(secret),
        role=actor.role.value,
        expires=_in_seconds(expires_seconds) if expires_seconds is not None else None,
    )
    return secret


def issue_login_link(username: str, *, life_seconds: int = LINK_LIFE_SECONDS) -> str:
    """Return a secret that signs `username` in once. Raises NotFound, also for a disabled user."""
    user = find_user(username)
    if not user.is_active:
        raise NotFound("enabled user", username)
    secret = secrets.token_urlsafe(32)
    LoginLink.objects.create(user=user, sha256=digest(secret), expires=_in_seconds(life_seconds))
    return secret


def redeem_login_link(secret: str) -> User | None:
    """Use a login link up and return its user; None where it is wrong, late, used or disabled."""
    now = timezone.now()
    link = LoginLink.objects.filter(
        sha256=digest(secret), redeemed=None, expires__gt=now, user__is_active=True
    ).first()
    if link is None:
        return None
    # Of two that redeem at once, the conditional update lets one through.
    if not LoginLink.objects.filter(pk=link.pk, redeemed=None).update(redeemed=now):
        return None
    return User.objects.filter(pk=link.user_id, is_active=True).first()


def find_user(username: str) -> User:
    """Return the user. Raises NotFound."""
    user = User.objects.filter(username=username).first()
    if user is None:
        raise NotFound("user", username)
    return user


def _join(user: User, slug: str, role: Role) -> bool:
    """Set the role in a team and say whether it became weaker."""
    team = Team.objects.filter(slug=slug).first()
    if team is None:
        raise NotFound("team", slug)
    membership = Membership.objects.filter(user=user, team=team).first()
    if membership is None:
        Membership.objects.create(user=user, team=team, role=role.value)
        return False
    before = Role(membership.role)
    membership.role = role.value
    membership.save(update_fields=["role"])
    return not role.covers(before)


def _next_range() -> int:
    counter, _ = IdRangeCounter.objects.select_for_update().get_or_create(pk=1)
    first = int(settings.ID_BASE) + counter.handed_out * ID_RANGE_SIZE
    if first + ID_RANGE_SIZE > HIGHEST_ID:
        raise Exhausted(f"id ranges: {counter.handed_out} were handed out and none is left")
    IdRangeCounter.objects.filter(pk=1).update(handed_out=F("handed_out") + 1)
    return first


def _only_team(user: User) -> str:
    teams = [team.slug for team in teams_of(user.pk)]
    if len(teams) != 1:
        known = ", ".join(teams) or "none"
        raise InvalidSpec("team", f"name one: {user.username} has {known}")
    return teams[0]


def _in_seconds(seconds: int) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)
