"""The records of users, teams and their keys."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

from panel.accounts.roles import Role


class User(AbstractUser):
    """Somebody who can sign in. `access_epoch` goes up whenever existing sessions must end."""

    access_epoch = models.PositiveIntegerField(default=0)

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        # Django compares this on every request and socket; a changed password or epoch ends all.
        proof = f"{self.password}:{self.access_epoch}"
        return salted_hmac(
            "panel.accounts.User.session", proof, secret=secret, algorithm="sha256"
        ).hexdigest()


class Team(models.Model):
    """Owns containers and images. `slug` never changes: it is the engine's namespace.

    `id_range` is the first host id of the team's 65,536 (user_namespaces(7)), never used again.
    """

    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=200)
    id_range = models.BigIntegerField(unique=True)
    created = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug

    @property
    def team_id(self) -> int:
        """Return the key by which permissions see whose this is."""
        return self.pk


class IdRangeCounter(models.Model):
    """One row: how many id ranges were ever handed out."""

    handed_out = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.handed_out} ranges"


class Membership(models.Model):
    """A user's role in a team."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=[(role.value, role.value) for role in Role])
    created = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "team"], name="one_role_per_team")]

    def __str__(self) -> str:
        return f"{self.user_id} is {self.role} of {self.team_id}"


class Token(models.Model):
    """A bearer key of a user for one team; only its SHA-256 is kept.

    `role` is what the user was when it was issued: it dies when the user is less than that.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    team = models.ForeignKey(Team, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=200, blank=True)
    prefix = models.CharField(max_length=16)
    sha256 = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=16, choices=[(role.value, role.value) for role in Role])
    created = models.DateTimeField(db_default=Now())
    expires = models.DateTimeField(null=True)
    last_used = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.prefix}…"


class LoginLink(models.Model):
    """A secret that signs one user in once; only its SHA-256 is kept."""

    user = models.ForeignKey(User, models.CASCADE, related_name="login_links")
    sha256 = models.CharField(max_length=64, unique=True)
    created = models.DateTimeField(db_default=Now())
    expires = models.DateTimeField()
    redeemed = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"link for {self.user_id}"
