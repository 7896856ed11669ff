import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Operation",
            fields=[
                ("id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField(unique=True)),
                ("kind", models.CharField(max_length=64)),
                ("klass", models.CharField(default="change", max_length=8)),
                ("status", models.CharField(default="queued", max_length=16)),
                ("node", models.CharField(max_length=253)),
                ("token", models.BigIntegerField(null=True)),
                ("target", models.CharField(blank=True, max_length=512)),
                ("exclusive", models.BooleanField(default=False)),
                ("params", models.JSONField(default=dict)),
                ("progress", models.JSONField(null=True)),
                ("error", models.JSONField(null=True)),
                ("result", models.JSONField(null=True)),
                (
                    "created",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("started", models.DateTimeField(null=True)),
                ("finished", models.DateTimeField(null=True)),
                ("lease_boot", models.CharField(blank=True, max_length=36)),
                ("lease_pid", models.IntegerField(null=True)),
                ("lease_start", models.BigIntegerField(null=True)),
                ("fence", models.PositiveIntegerField(default=0)),
                ("handed_over", models.BooleanField(default=False)),
                ("handed_version", models.BigIntegerField(null=True)),
                ("cancel_requested", models.BooleanField(default=False)),
                ("ticket_sha256", models.CharField(max_length=64, null=True, unique=True)),
                ("ticket_expires", models.DateTimeField(null=True)),
                ("rung", models.DateTimeField(null=True)),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="operations",
                        to="accounts.team",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="operations",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-number"],
                "indexes": [
                    models.Index(fields=["team", "-number"], name="operation_team"),
                    models.Index(
                        condition=models.Q(("status__in", ["queued", "running"])),
                        fields=["target", "number"],
                        name="operation_unfinished_target",
                    ),
                    models.Index(
                        condition=models.Q(("status__in", ["queued", "running"])),
                        fields=["node", "status"],
                        name="operation_unfinished_node",
                    ),
                    models.Index(fields=["finished"], name="operation_finished"),
                ],
            },
        ),
    ]
