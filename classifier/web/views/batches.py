"""Batches: bringing many images, the list of what was brought, and what can be done with one."""

import uuid
from http import HTTPStatus
from typing import Any, Final, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_safe

from classifier import audit, quotas, services
from classifier.models import Batch, Prediction, TrainedModel
from classifier.services import own_models, pages
from classifier.uploads.refusals import UploadRejected
from classifier.web.batch_forms import BATCH_CROPS, BatchDetailsForm, NewBatchForm, add_to
from classifier.web.batch_report import build_report
from classifier.web.model_cards import model_groups

PAGE_SIZE: Final = 25
REFUSED_NAMED: Final = 20
REFUSALS: Final = (
    services.BatchRefused,
    services.StorageFailed,
    services.NotAllowed,
    services.Locked,
    quotas.QuotaExceeded,
    quotas.BeyondLimit,
    UploadRejected,
)


@never_cache
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """One's own batches and those of one's projects."""
    batches = Batch.objects.with_relations().select_related("owner", "project")
    page = pages.first_unless(
        [batches.owned_by(request.user), batches.shared_with(request.user)],
        pages.NEWEST,
        size=PAGE_SIZE,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    progress = Prediction.objects.progress(page.rows)
    reviews = Prediction.objects.review_states(page.rows)
    rows = [(batch, progress[batch.pk], reviews[batch.pk]) for batch in page.rows]
    return render(request, "web/batches.html", {"page": page, "rows": rows})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Choosing files; a script sends them piece by piece, and the plain form all at once."""
    user = cast(User, request.user)
    if request.method != "POST":
        form = NewBatchForm(user=user, initial={"project": request.GET.get("project")})
        return render(request, "web/bring.html", _bring(form))
    form = NewBatchForm(request.POST, request.FILES, user=user)
    batch = form.submit() if form.is_valid() else None
    if batch:
        _tell_of_refused(request, batch.rejected)
        return redirect("web:batch", batch.pk)
    return render(request, "web/bring.html", _bring(form), status=form.status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Going on with an upload that was interrupted, from where it was."""
    batch = _visible(request, pk)
    if request.method == "POST":
        try:
            added = add_to(batch, request)
        except REFUSALS as refusal:
            messages.error(request, str(refusal))
        else:
            taken = sum(each.image is not None for each in added)
            messages.success(request, f"{taken} of {len(added)} images are there now.")
            refused = [each for each in added if each.image is None]
            _tell_of_refused(request, [{"filename": e.path, "reason": e.reason} for e in refused])
        return redirect("web:batch_upload", batch.pk)
    if not batch.is_open or batch.owner_id != request.user.pk:
        return redirect("web:batch", batch.pk)
    context = {"batch": batch, "there": batch.files.count(), **_limits()}
    return render(request, "web/bring.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Renaming a batch, and moving it into a project or out of one."""
    batch, user = _visible(request, pk), cast(User, request.user)
    shown = {"name": batch.name, "project": batch.project_id}
    form = BatchDetailsForm(request.POST or None, initial=shown, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            form.save(batch)
        except REFUSALS as refusal:
            messages.error(request, str(refusal))
        return redirect("web:batches")
    context = {"batch": batch, "form": form, "is_own": batch.owner_id == user.pk}
    status = HTTPStatus.BAD_REQUEST if form.errors else HTTPStatus.OK
    return render(request, "web/batch_edit.html", context, status=status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    batch = _visible(request, pk)
    if request.method != "POST":
        context = {
            "batch": batch,
            "number": batch.predictions.kept().count(),
            "days": settings.TRASH_DAYS,
            "made": own_models.made_from(
                cast(User, request.user), batch.predictions.order_by().values("image")
            ),
        }
        return render(request, "web/batch_delete.html", context)
    try:
        services.trash_batch(person=cast(User, request.user), batch=batch)
    except REFUSALS as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"The batch “{batch}” was deleted, with its results.")
    return redirect("web:batches")


@gzip_page
@never_cache
@require_safe
def report(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """A batch on paper: counts, models, readers, and every image."""
    batch = _visible(request, pk)
    audit.record(audit.Action.EXPORTED, subject=batch, kind="report")
    return render(request, "web/report.html", build_report(batch))


def _visible(request: HttpRequest, pk: uuid.UUID) -> Batch:
    seen: QuerySet[Batch] = Batch.objects.with_relations().visible_to(request.user)
    return get_object_or_404(seen.select_related("owner", "project"), pk=pk)


def _tell_of_refused(request: HttpRequest, rejected: list[dict[str, str]]) -> None:
    for each in rejected[:REFUSED_NAMED]:
        messages.warning(request, f"{each['filename']} was not taken. {each['reason']}")
    if further := rejected[REFUSED_NAMED:]:
        messages.warning(request, f"{len(further)} more were not taken; the report names them.")


def _bring(form: NewBatchForm) -> dict[str, Any]:
    models = TrainedModel.objects.choosable_by(form.user).in_display_order()
    groups = model_groups(models)
    chosen = set(form["model"].value() or ())
    if not chosen and groups:
        chosen = {groups[0].cards[0].model.slug}
    kinds = [
        group.dataset.slug for group in groups if chosen & {card.model.slug for card in group.cards}
    ]
    return {
        "form": form,
        "groups": groups,
        "chosen": chosen,
        "kind": next(iter(kinds), ""),
        "crops": BATCH_CROPS,
        **_limits(),
    }


def _limits() -> dict[str, int]:
    return {"max_files": settings.MAX_BATCH_IMAGES, "max_bytes": settings.MAX_UPLOAD_BYTES}
