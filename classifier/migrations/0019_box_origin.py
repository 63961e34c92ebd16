from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("classifier", "0018_labelled_sets"),
    ]

    operations = [
        migrations.AddField(
            model_name="prediction",
            name="box_origin",
            field=models.CharField(
                blank=True, choices=[("found", "Found"), ("center", "The middle, since none was found"), ("given", "Given")], default="", max_length=6
            ),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="prediction",
            constraint=models.CheckConstraint(
                condition=models.Q(("box_origin__in", ("", "center")), ("box_side__isnull", False), _connector="OR"),
                name="prediction_box_has_an_origin",
            ),
        ),
    ]
