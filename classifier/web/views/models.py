"""What the models are and how well they were measured to do."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from classifier.bundles import registry
from classifier.models import TrainedModel
from classifier.web.charts import Chart, history_charts, reliability_chart, roc_chart
from classifier.web.limit_figures import limits
from classifier.web.model_figures import (
    classification_report,
    confusion_rows,
    cross_validation,
    model_card,
    model_groups,
    operating_rows,
)
from classifier.web.presenters import share_measure


@require_safe
def models(request: HttpRequest) -> HttpResponse:
    found = sorted(
        TrainedModel.objects.active(),
        key=lambda model: (model.dataset, registry.report_order(model.metadata)),
    )
    return render(request, "web/models.html", {"groups": model_groups(found)})


@require_safe
def model(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(TrainedModel, slug=slug)
    context = {"card": model_card(found), "model": found, **_measured(found)}
    return render(request, "web/model.html", context | {"charts": _charts(found)})


def _measured(model: TrainedModel) -> dict[str, Any]:
    evaluation = model.evaluation
    if not evaluation:
        return {"evaluation": None}
    return {
        "evaluation": evaluation,
        "balanced_accuracy": share_measure(
            evaluation["balanced_accuracy"], evaluation["intervals"].get("balanced_accuracy")
        ),
        "report": classification_report(model),
        "confusion": confusion_rows(evaluation),
        "cross_validation": cross_validation(evaluation),
        "operating_rows": operating_rows(evaluation),
        "limits": limits(evaluation),
    }


def _charts(model: TrainedModel) -> list[Chart]:
    evaluation = model.evaluation or {}
    selected = model.metadata["training"].get("selected_epoch")
    measured = [roc_chart(evaluation), reliability_chart(evaluation)]
    return [chart for chart in measured if chart] + history_charts(_history(model), selected)


def _history(model: TrainedModel) -> list[dict[str, float]]:
    """The table in the bundle's folder, which may be gone or damaged since it was verified."""
    try:
        return registry.read_history(settings.MODELS_DIR / model.slug)
    except registry.BundleError:
        return []
