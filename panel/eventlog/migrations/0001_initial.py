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
            name="Counter",
            fields=[
                ("name", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("value", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("seq", models.BigIntegerField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=64)),
                ("container", models.CharField(max_length=32, null=True)),
                ("version", models.BigIntegerField(null=True)),
                ("operation", models.CharField(max_length=32, null=True)),
                ("payload", models.JSONField(default=dict)),
                (
                    "time",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.team",
                    ),
                ),
            ],
            options={
                "ordering": ["seq"],
                "indexes": [
                    models.Index(fields=["team", "seq"], name="event_team_seq"),
                    models.Index(fields=["time"], name="event_time"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("container", "version"), name="one_event_per_version"
                    )
                ],
            },
        ),
    ]
