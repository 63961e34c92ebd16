"""From here on every prediction has an owner of its own."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("classifier", "0006_owners")]

    operations = [
        migrations.AlterField(
            model_name="prediction",
            name="owner",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="predictions",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
