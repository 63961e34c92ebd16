"""What a gallery opens with."""

from collections.abc import Iterable
from typing import Final

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from classifier.models import Prediction, PredictionQuerySet, Status, TrainedModel
from classifier.services.search import in_group

# So many of the newest results say which models a search is about.
LOOKED_AT: Final = 1_000


def in_gallery(predictions: PredictionQuerySet) -> PredictionQuerySet:
    """With what a tile shows, and without what is large and only shown one at a time."""
    shown = predictions.filter(status=Status.SUCCESS).select_related("image")
    return shown.defer("probabilities", "prediction_set", "labels")


def first_of_each_group(predictions: PredictionQuerySet, size: int) -> list[Prediction]:
    """Of each group at most `size` images, the least certain first; one query reads all rows."""
    place = Window(
        RowNumber(),
        partition_by=F("gallery_group"),
        order_by=[F("confidence").asc(), F("pk").asc()],
    )
    found = in_gallery(predictions).order_by().annotate(place=place).filter(place__lte=size)
    return list(found.order_by("place"))


def first_of_groups(
    predictions: PredictionQuerySet, names: Iterable[str], size: int
) -> list[Prediction]:
    """The same of groups that are named, a query for each, which reads no more than it gives."""
    return [
        row
        for name in names
        for row in in_gallery(in_group(predictions, name)).order_by("confidence", "pk")[:size]
    ]


def models_of(predictions: PredictionQuerySet) -> list[TrainedModel]:
    """The models that answered, in display order."""
    newest = predictions.order_by("-created_at", "-pk").values_list("trained_model_id", flat=True)
    models = TrainedModel.objects.filter(pk__in=set(newest[:LOOKED_AT]))
    return list(models.defer("metadata", "evaluation").in_display_order())
