"""Give what was stored before the workbench its owner, its batch's models, and an end of sending."""

from django.db import migrations
from django.db.models import F, OuterRef, Subquery


def fill(apps, schema_editor):
    Prediction = apps.get_model("classifier", "Prediction")
    ImageUpload = apps.get_model("classifier", "ImageUpload")
    Batch = apps.get_model("classifier", "Batch")
    owner = ImageUpload.objects.filter(pk=OuterRef("image_id")).values("owner_id")
    Prediction.objects.update(owner_id=Subquery(owner))
    Batch.objects.update(closed_at=F("created_at"))
    pairs = Prediction.objects.filter(batch__isnull=False).order_by()
    through = Batch.trained_models.through
    through.objects.bulk_create(
        (
            through(batch_id=batch, trainedmodel_id=trained_model)
            for batch, trained_model in pairs.values_list("batch", "trained_model").distinct()
        ),
        batch_size=1000,
    )


class Migration(migrations.Migration):
    dependencies = [("classifier", "0005_workbench")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
