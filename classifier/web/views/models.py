"""What the models are and how well they were measured to do."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from classifier.models import TrainedModel
from classifier.web.presenters import confusion_rows, gloss, model_card, model_groups, percent


@require_safe
def models(request: HttpRequest) -> HttpResponse:
    groups = model_groups(TrainedModel.objects.active().in_display_order())
    return render(request, "web/models.html", {"groups": groups})


@require_safe
def model(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(TrainedModel, slug=slug)
    context = {"card": model_card(found), "model": found, **_measured(found)}
    return render(request, "web/model.html", context)


def _measured(model: TrainedModel) -> dict[str, Any]:
    evaluation = model.evaluation
    if not evaluation:
        return {"evaluation": None}
    return {
        "evaluation": evaluation,
        "balanced_accuracy": percent(evaluation["balanced_accuracy"]),
        "per_class": [_class_row(model.dataset, row) for row in evaluation["per_class"]],
        "confusion": confusion_rows(evaluation),
    }


def _class_row(dataset: str, row: dict[str, Any]) -> dict[str, Any]:
    figures = ("precision", "recall", "specificity", "f1")
    return {
        "label": row["label"],
        "gloss": gloss(dataset, row["label"]),
        "figures": [percent(row[figure]) for figure in figures],
        "support": row["support"],
    }
