"""What the models are and how well they were measured to do."""

import uuid
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from classifier import catalogue, services
from classifier.bundles import registry
from classifier.models import ModelImport, TrainedModel
from classifier.services import own_models
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
    context = {
        "model": found,
        "view": view,
        "charts": charts,
        "may_delete": request.user.is_authenticated
        and found.is_installed
        and _is_own(request, found),
    }
    return render(request, "web/model.html", context)


def _is_own(request: HttpRequest, found: TrainedModel) -> bool:
    try:
        own_models.check_owns_model(cast(User, request.user), found)
    except services.NotAllowed:
        return False
    return True


@require_safe
def export(request: HttpRequest, slug: str) -> HttpResponseBase:
    """A model as one file, which import takes elsewhere."""
    found = get_object_or_404(_installed(request), slug=slug)
    try:
        file = own_models.packed(found)
    except own_models.ExportFailed as failure:
        messages.error(request, str(failure))
        return redirect("web:model", slug)
    return FileResponse(file, as_attachment=True, filename=f"{slug}.zip")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, slug: str) -> HttpResponse:
    """Delete a model of one's own, after saying what that means."""
    found, person = get_object_or_404(_installed(request), slug=slug), cast(User, request.user)
    try:
        own_models.check_owns_model(person, found)
        if request.method != "POST":
            return render(request, "web/model_delete.html", {"model": found})
        own_models.delete_model(person=person, model=found)
    except services.NotAllowed as refusal:
        messages.error(request, str(refusal))
        return redirect("web:model", slug)
    messages.success(request, f"“{found}” was deleted. What it answered is kept.")
    return redirect("web:models")


def _installed(request: HttpRequest) -> Any:
    return TrainedModel.objects.visible_to(request.user).filter(is_installed=True)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def bring(request: HttpRequest) -> HttpResponse:
    """Import a model that was exported elsewhere."""
    error = ""
    if request.method == "POST":
        upload, person = request.FILES.get("file"), cast(User, request.user)
        try:
            if upload is not None:
                row = own_models.import_model(person=person, upload=upload)
                return redirect("web:model_import_one", row.pk)
            error = "No file was chosen. Choose the zip file that an export gave."
        except (own_models.TooManyModels, own_models.ImportFailed) as refusal:
            error = str(refusal)
    waiting = ModelImport.objects.unfinished().filter(owner_id=request.user.pk)
    context = {"error": error, "waiting": waiting}
    return render(request, "web/model_import.html", context, status=400 if error else 200)


@never_cache
@require_safe
def brought(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Whether an imported file holds; then its model."""
    seen = ModelImport.objects.visible_to(request.user).with_relations()
    row = get_object_or_404(seen, pk=pk)
    if row.trained_model:
        return redirect("web:model", row.trained_model.slug)
    return render(request, "web/model_import_one.html", {"row": row})


@never_cache
@require_safe
def brought_status(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The same for the page that waits."""
    row = get_object_or_404(ModelImport.objects.visible_to(request.user), pk=pk)
    answer = render(request, "web/partials/model_import_progress.html", {"row": row})
    if row.is_finished:
        answer["HX-Refresh"] = "true"
    return answer
