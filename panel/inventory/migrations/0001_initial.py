import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Node",
            fields=[
                ("name", models.CharField(max_length=253, primary_key=True, serialize=False)),
                ("instance", models.CharField(blank=True, max_length=8)),
                ("facts", models.JSONField(default=dict)),
                ("seen", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Container",
            fields=[
                ("id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("version", models.BigIntegerField(default=0)),
                ("node", models.CharField(max_length=253)),
                ("name", models.CharField(max_length=128)),
                ("image", models.CharField(max_length=512)),
                ("state", models.CharField(default="creating", max_length=16)),
                ("record", models.JSONField(default=dict)),
                ("memory_bytes", models.BigIntegerField(null=True)),
                ("cpus", models.FloatField(null=True)),
                (
                    "created",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("started", models.DateTimeField(null=True)),
                ("finished", models.DateTimeField(null=True)),
                ("exit_code", models.IntegerField(null=True)),
                ("oom_killed", models.BooleanField(default=False)),
                ("deleted", models.BooleanField(default=False)),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="containers",
                        to="accounts.team",
                    ),
                ),
            ],
            options={
                "ordering": ["-created", "id"],
                "indexes": [
                    models.Index(
                        fields=["team", "deleted", "-created", "id"], name="container_list"
                    ),
                    models.Index(fields=["node", "deleted"], name="container_node"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted", False)),
                        fields=("team", "name"),
                        name="one_container_per_name",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Image",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("node", models.CharField(max_length=253)),
                ("image_id", models.CharField(max_length=80)),
                ("references", models.JSONField(default=list)),
                ("size", models.BigIntegerField(default=0)),
                ("architecture", models.CharField(blank=True, max_length=32)),
                ("created", models.DateTimeField(null=True)),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="images",
                        to="accounts.team",
                    ),
                ),
            ],
            options={
                "ordering": ["image_id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("team", "node", "image_id"), name="one_row_per_team_image"
                    )
                ],
            },
        ),
    ]
