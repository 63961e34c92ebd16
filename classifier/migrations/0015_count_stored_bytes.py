from django.db import migrations, models

COUNT = """
INSERT INTO classifier_usage (user_id, kind, period, amount)
SELECT owner_id, 'stored', 0, SUM(stored_bytes) FROM classifier_imageupload GROUP BY owner_id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("classifier", "0014_administrators_desk"),
    ]

    operations = [
        migrations.AlterField(
            model_name="usage",
            name="kind",
            field=models.CharField(
                choices=[
                    ("requests", "API requests a minute"),
                    ("bytes", "bytes a day"),
                    ("stored", "bytes stored"),
                ],
                max_length=8,
            ),
        ),
        migrations.RunSQL(COUNT, "DELETE FROM classifier_usage WHERE kind = 'stored'"),
    ]
