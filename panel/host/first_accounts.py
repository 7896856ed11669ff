"""The user and the team that a new platform begins with, and the links that sign in without one."""

from __future__ import annotations

from django.urls import reverse

from panel.accounts import roster
from panel.accounts.models import Team, User
from panel.accounts.roles import Role
from panel.host.errors import HostRefused

FIRST_USER = "admin"
FIRST_TEAM = "main"


def ensure_first_accounts() -> None:
    """Make a superuser without a password, and a team of theirs, where there is no superuser."""
    if User.objects.filter(is_superuser=True).exists():
        return
    team = Team.objects.order_by("created").first()
    slug = team.slug if team else roster.ensure_team(FIRST_TEAM, "Main")[0].slug
    place = roster.Place(team=slug, role=Role.ADMIN, superuser=True)
    roster.ensure_user(FIRST_USER, place)


def login_path(username: str | None = None) -> str:
    """Return the path of a new link that signs a user in once; the first superuser by default."""
    if username is None:
        first = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
        if first is None:
            raise HostRefused("there is no superuser: name a user")
        username = first.username
    return reverse("web:login-link", args=[roster.issue_login_link(username)])
