"""What a gallery opens with."""

from typing import Final

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from classifier.models import Prediction, PredictionQuerySet, Status, TrainedModel

# So many of the newest results say which models a search is about.
LOOKED_AT: Final = 1_000


def in_gallery(predictions: PredictionQuerySet) -> PredictionQuerySet:
    """With what a tile shows, and without what is large and only shown one at a time."""
    shown = predictions.filter(status=Status.SUCCESS).select_related("image")
    return shown.defer("probabilities", "prediction_set", "labels")


def first_of_each_group(predictions: PredictionQuerySet, size: int) -> list[Prediction]:
    """Of each group at most `size` images, the least certain first; one query for all groups."""
    place = Window(
        RowNumber(),
        partition_by=F("gallery_group"),
        order_by=[F("confidence").asc(), F("pk").asc()],
    )
    found = in_gallery(predictions).order_by().annotate(place=place).filter(place__lte=size)
    return list(found.order_by("place"))


def models_of(predictions: PredictionQuerySet) -> list[TrainedModel]:
    """The models that answered, in display order."""
    newest = predictions.order_by("-created_at", "-pk").values_list("trained_model_id", flat=True)
    models = TrainedModel.objects.filter(pk__in=set(newest[:LOOKED_AT]))
    return list(models.defer("metadata", "evaluation").in_display_order())
