from django.db import migrations, models

ROWS_AT_ONCE = 500


def measure(apps, schema_editor):
    """Images that were stored before count as well; a file that is gone takes nothing."""
    uploads = apps.get_model("classifier", "ImageUpload").objects
    some = []
    for image in uploads.only("file", "thumbnail").iterator(chunk_size=ROWS_AT_ONCE):
        files = {file.name: file for file in (image.file, image.thumbnail)}
        image.stored_bytes = sum(map(size, files.values()))
        some.append(image)
        if len(some) == ROWS_AT_ONCE:
            uploads.bulk_update(some, ["stored_bytes"])
            some = []
    uploads.bulk_update(some, ["stored_bytes"])


def size(file):
    try:
        return file.size
    except (OSError, ValueError):
        return 0


class Migration(migrations.Migration):
    dependencies = [
        ("classifier", "0009_group_by_time"),
    ]

    operations = [
        migrations.AddField(
            model_name="imageupload",
            name="stored_bytes",
            field=models.PositiveBigIntegerField(
                default=0,
                help_text="What its files take here, which is more than what was sent or less.",
            ),
        ),
        migrations.AddField(
            model_name="imageupload",
            name="warnings",
            field=models.JSONField(
                default=list,
                help_text="Sentences about the file for whoever looks at its results.",
            ),
        ),
        migrations.RunPython(measure, migrations.RunPython.noop),
    ]
