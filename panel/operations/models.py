"""The operation's row, and the states it can be in."""

from __future__ import annotations

from enum import StrEnum

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from panel.accounts.models import Team


class Status(StrEnum):
    """Where an operation stands; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Say whether nothing more will happen."""
        return self not in UNFINISHED


UNFINISHED = (Status.QUEUED, Status.RUNNING)


class Operation(models.Model):
    """A promise to do one thing.

    `number` gives the order (it is the sequence of the event that announced it). `lease_*` names
    the process that works on it, valid on `node` only. `fence` goes up with every claim; updates
    name it. `handed_over` means the container's shim finishes it; `handed_version` is the record's
    version at that moment. `rung` is the last doorbell, null when one is due.
    """

    id = models.CharField(max_length=32, primary_key=True)
    number = models.BigIntegerField(unique=True)
    kind = models.CharField(max_length=64)
    klass = models.CharField(max_length=8, default="change")
    status = models.CharField(max_length=16, default=Status.QUEUED.value)
    node = models.CharField(max_length=253)
    team = models.ForeignKey(Team, models.CASCADE, related_name="operations")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="operations"
    )
    token = models.BigIntegerField(null=True)
    target = models.CharField(max_length=512, blank=True)
    exclusive = models.BooleanField(default=False)
    params = models.JSONField(default=dict)
    progress = models.JSONField(null=True)
    error = models.JSONField(null=True)
    result = models.JSONField(null=True)
    created = models.DateTimeField(db_default=Now())
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)
    lease_boot = models.CharField(max_length=36, blank=True)
    lease_pid = models.IntegerField(null=True)
    lease_start = models.BigIntegerField(null=True)
    fence = models.PositiveIntegerField(default=0)
    handed_over = models.BooleanField(default=False)
    handed_version = models.BigIntegerField(null=True)
    cancel_requested = models.BooleanField(default=False)
    ticket_sha256 = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001  # unique
    ticket_expires = models.DateTimeField(null=True)
    rung = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-number"]
        indexes = [
            models.Index(fields=["team", "-number"], name="operation_team"),
            models.Index(
                fields=["target", "number"],
                condition=models.Q(status__in=["queued", "running"]),
                name="operation_unfinished_target",
            ),
            models.Index(
                fields=["node", "status"],
                condition=models.Q(status__in=["queued", "running"]),
                name="operation_unfinished_node",
            ),
            models.Index(fields=["finished"], name="operation_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
