"""The records of the event log."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from panel.accounts.models import Team


class Counter(models.Model):
    """A number that only grows; its row lock makes commit order the order of numbers."""

    name = models.CharField(max_length=32, primary_key=True)
    value = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} {self.value}"


class Event(models.Model):
    """One thing that happened. `seq` has gaps but no repeats; (container, version) is unique."""

    seq = models.BigIntegerField(primary_key=True)
    team = models.ForeignKey(Team, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=64)
    container = models.CharField(max_length=32, null=True)  # noqa: DJ001  # null is not in the unique pair
    version = models.BigIntegerField(null=True)
    operation = models.CharField(max_length=32, null=True)  # noqa: DJ001  # absent, not empty
    payload = models.JSONField(default=dict)
    time = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["seq"]
        indexes = [
            models.Index(fields=["team", "seq"], name="event_team_seq"),
            models.Index(fields=["time"], name="event_time"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["container", "version"], name="one_event_per_version")
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"
