"""What the models are and how well they were measured to do."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from classifier import catalogue
from classifier.bundles import registry
from classifier.models import TrainedModel
from classifier.web.charts import history_charts, reliability_chart, roc_chart
from classifier.web.model_cards import model_groups, view_of


@require_safe
def models(request: HttpRequest) -> HttpResponse:
    found = sorted(
        TrainedModel.objects.choosable_by(request.user),
        key=lambda model: (model.dataset, registry.report_order(model.described)),
    )
    return render(request, "web/models.html", {"groups": model_groups(found)})


@require_safe
def model(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(TrainedModel.objects.visible_to(request.user), slug=slug)
    view = view_of(found)
    try:
        history = registry.read_history(catalogue.bundle_path(slug))
    except registry.BundleError:
        # The folder may be damaged since it was verified.
        history = []
    measured = [roc_chart(view.evaluation), reliability_chart(view.evaluation)]
    charts = [
        *(chart for chart in measured if chart),
        *history_charts(history, view.metadata.training.selected_epoch),
    ]
    return render(request, "web/model.html", {"model": found, "view": view, "charts": charts})
