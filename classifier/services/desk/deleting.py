"""Deleting much at once, and what it takes along, without loading it."""

import uuid
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import CASCADE, Model, QuerySet
from django.db.models.fields.reverse_related import ForeignObjectRel

from classifier.models import Batch, ImageUpload, LabelledSet, Prediction, PredictionQuerySet
from classifier.services import own_models

DELETED_AT_ONCE: Final = 500


def taken_along(rows: QuerySet[Any]) -> dict[type[Model], int]:
    """How many rows of each table go with these, counted in the database.

    A table is counted by the shortest way that leads to it, such as owner.
    """
    found: dict[type[Model], QuerySet[Any]] = {rows.model: rows.order_by()}
    queue: list[type[Model]] = [rows.model]
    for model in queue:
        relations: list[Any] = model._meta.get_fields(include_hidden=True)
        for relation in relations:
            related = relation.related_model
            if not _cascades(relation) or related in found:
                continue
            within = {f"{relation.field.name}__in": found[model].values("pk")}
            found[related] = related._base_manager.filter(**within)
            queue.append(related)
    counts = {model: each.count() for model, each in found.items()}
    return {model: count for model, count in counts.items() if count}


def _cascades(relation: Any) -> bool:
    return (
        isinstance(relation, ForeignObjectRel)
        and getattr(relation, "on_delete", None) is CASCADE
        and not relation.related_model._meta.auto_created
    )


def delete_person(person: User) -> None:
    """Delete an account with all its data and files; what it said of others' images stays.

    Models that it alone could choose go as well; those that others have stay.
    """
    User.objects.filter(pk=person.pk).update(is_active=False)
    delete_predictions(Prediction.objects.filter(owner=person))
    _delete_images(ImageUpload.objects.filter(owner=person))
    Batch.objects.filter(owner=person).delete()
    LabelledSet.objects.filter(owner=person).delete()
    for model in own_models.of_account(person):
        own_models.remove(model)
    person.delete()


def delete_predictions(predictions: PredictionQuerySet) -> int:
    """Delete for good, with images that nothing else uses; some at a time. Returns how many."""
    deleted = 0
    rows = predictions.order_by().values_list("pk", "image_id")
    while some := list(rows[:DELETED_AT_ONCE]):
        with transaction.atomic():
            Prediction.objects.filter(pk__in=[key for key, _ in some]).delete()
            _delete_images(ImageUpload.objects.filter(pk__in={image for _, image in some}))
        deleted += len(some)
    return deleted


def _delete_images(images: QuerySet[ImageUpload]) -> None:
    """Those that no prediction uses."""
    unused = images.filter(predictions=None).order_by().values_list("pk", flat=True)
    while keys := list[uuid.UUID](unused[:DELETED_AT_ONCE]):
        ImageUpload.objects.filter(pk__in=keys).delete()
