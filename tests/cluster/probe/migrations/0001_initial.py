import uuid

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Trace",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("batch", models.CharField(db_index=True, max_length=40)),
                ("job_id", models.UUIDField()),
                ("attempt", models.IntegerField()),
                ("ended", models.BooleanField()),
                ("pod", models.CharField(max_length=100)),
                ("generation", models.CharField(max_length=10)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
    ]
