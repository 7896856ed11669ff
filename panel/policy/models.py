"""What each team may ask for, as stored; `rules` makes it a frozen value."""

from __future__ import annotations

from django.db import models

from panel.accounts.models import Team


class TeamPolicy(models.Model):
    """A preset and what differs from it. A team without a row has the default preset."""

    team = models.OneToOneField(Team, models.CASCADE, related_name="policy")
    preset = models.CharField(max_length=32, default="baseline")
    overrides = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.preset} for {self.team_id}"
