"""Fields of many cells: each cell's box on its image, numbered, with the answers beside."""

import uuid
from dataclasses import dataclass
from typing import Any, cast

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from classifier.models import Batch, ImageUpload, Prediction, PredictionQuerySet
from classifier.preprocessing import Crop
from classifier.web.presenters import Outcome, outcome
from classifier.web.views.gallery import Scope, batch_scope


@dataclass(frozen=True)
class FieldCell:
    """A cell of a field, and what the model said of it."""

    number: int
    prediction: Prediction
    outcome: Outcome

    @property
    def answer(self) -> str:
        """What a reader said, else what the model did, else how far it is."""
        found, said = self.prediction, self.outcome
        named = found.reviewed_label or said.candidates or said.headline
        return named or found.get_status_display()

    @property
    def is_at_border(self) -> bool:
        """Whether its square had to be moved to lie within the image: it may be cut off."""
        found, image = self.prediction, self.prediction.image
        left, upper, side = found.box_left or 0, found.box_upper or 0, found.box_side or 0
        return min(left, upper, image.width - left - side, image.height - upper - side) <= 0


@never_cache
@require_safe
def field(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One field of a batch: that of `?image=`, or else the first."""
    scope = batch_scope(request, pk)
    rows = scope.found.filter(crop=Crop.CELLS).order_by()
    images = ImageUpload.objects.filter(pk__in=rows.values("image")).order_by("uploaded_at", "pk")
    context = {
        "scope": scope,
        "batch": scope.batch,
        "gallery_url": scope.address(),
        "list_url": scope.address("list"),
    }
    try:
        wanted = request.GET.get("image")
        image = images.get(pk=uuid.UUID(wanted)) if wanted else images.first()
    except (ValueError, ImageUpload.DoesNotExist) as error:
        raise Http404("There is no such field.") from error
    if image:
        context |= _field(scope, rows, images, image)
    return render(request, "web/field.html", context)


def _field(
    scope: Scope, rows: PredictionQuerySet, images: QuerySet[ImageUpload], image: ImageUpload
) -> dict[str, Any]:
    """What the page says of one of the images of a gallery's rows."""
    found = rows.filter(image=image).select_related("image", "trained_model")
    ordered = enumerate(found.order_by("box_upper", "box_left", "created_at", "pk"), start=1)
    cells = [FieldCell(number, each, outcome(each)) for number, each in ordered]
    uploaded = image.uploaded_at
    before = images.filter(Q(uploaded_at__lt=uploaded) | Q(uploaded_at=uploaded, pk__lt=image.pk))
    after = images.filter(Q(uploaded_at__gt=uploaded) | Q(uploaded_at=uploaded, pk__gt=image.pk))
    return {
        "image": image,
        "cells": cells,
        "unfinished": sum(not cell.prediction.is_finished for cell in cells),
        "at_border": sum(cell.is_at_border for cell in cells),
        "place": before.count() + 1,
        "fields": images.count(),
        "previous": _address(scope, before.last()),
        "next": _address(scope, after.first()),
        # Numbers that can be read on fields of any size, in pixels of the image.
        "number_size": max(image.width, image.height) / 32,
    }


def _address(scope: Scope, image: ImageUpload | None) -> str:
    if image is None:
        return ""
    model = f"&model={scope.model.slug}" if scope.query and scope.model else ""
    base = reverse("web:batch_field", args=[cast(Batch, scope.batch).pk])
    return f"{base}?image={image.pk}{model}"
