"""The projection. Every field but the keys can be computed again from the engine."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from panel.accounts.models import Team


class Node(models.Model):
    """A machine that runs an engine."""

    name = models.CharField(max_length=253, primary_key=True)
    instance = models.CharField(max_length=8, blank=True)
    facts = models.JSONField(default=dict)
    seen = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Container(models.Model):
    """A container as last heard of. `version` 0 is a place kept for one that is being created.

    `health` is empty where it has no health check, or does not run; `checked` is when the last
    result came in, which is no new version.
    """

    id = models.CharField(max_length=32, primary_key=True)
    version = models.BigIntegerField(default=0)
    team = models.ForeignKey(Team, models.CASCADE, related_name="containers")
    node = models.CharField(max_length=253)
    name = models.CharField(max_length=128)
    image = models.CharField(max_length=512)
    state = models.CharField(max_length=16, default="creating")
    record = models.JSONField(default=dict)
    memory_bytes = models.BigIntegerField(null=True)
    cpus = models.FloatField(null=True)
    created = models.DateTimeField(db_default=Now())
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)
    exit_code = models.IntegerField(null=True)
    oom_killed = models.BooleanField(default=False)
    health = models.CharField(max_length=16, blank=True, default="", db_default="")
    checked = models.DateTimeField(null=True)
    deleted = models.BooleanField(default=False)

    class Meta:
        ordering = ["-created", "id"]
        indexes = [
            models.Index(fields=["team", "deleted", "-created", "id"], name="container_list"),
            models.Index(fields=["node", "deleted"], name="container_node"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "name"],
                condition=models.Q(deleted=False),
                name="one_container_per_name",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Image(models.Model):
    """An image that a node has for a team."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="images")
    node = models.CharField(max_length=253)
    image_id = models.CharField(max_length=80)
    references = models.JSONField(default=list)
    size = models.BigIntegerField(default=0)
    architecture = models.CharField(max_length=32, blank=True)
    created = models.DateTimeField(null=True)

    class Meta:
        ordering = ["image_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "node", "image_id"], name="one_row_per_team_image"
            )
        ]

    def __str__(self) -> str:
        return self.image_id
