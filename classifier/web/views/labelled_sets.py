"""Labelled sets: brought, their classes confirmed, doubtful labels settled, models measured."""

import uuid
from http import HTTPStatus
from typing import Any, Final, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier import quotas, services
from classifier.datasets import datasets
from classifier.models import (
    CROP_CHOICES,
    Batch,
    LabelledSet,
    Role,
    TrainedModel,
    may,
)
from classifier.services import adaptations, labelled_sets, own_models, pages, validations
from classifier.services.tables import TableRefused, read_table
from classifier.uploads.refusals import UploadRejected
from classifier.web.labelled_forms import NewSetForm, add_to_set
from classifier.web.steps import done
from classifier.web.validation_page import row_of

SETS_SHOWN: Final = 50
IMAGES_SHOWN: Final = 200
REFUSALS: Final = (
    labelled_sets.SetRefused,
    TableRefused,
    UploadRejected,
    services.NotAllowed,
    services.StorageFailed,
    quotas.QuotaExceeded,
    quotas.BeyondLimit,
)


@never_cache
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """One's own sets and those of one's projects."""
    found = LabelledSet.objects.of(request.user).with_size().select_related("owner", "project")
    page = pages.first_unless(
        found.prefetch_related("validations__trained_model"),
        pages.NEWEST,
        size=SETS_SHOWN,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    return render(request, "web/labelled_sets.html", {"sets": page.rows, "page": page})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Choosing files; a script sends them piece by piece, and the plain form all at once."""
    user, status = cast(User, request.user), HTTPStatus.OK
    form = NewSetForm(initial={"project": request.GET.get("project")}, user=user)
    if request.method == "POST":
        form = NewSetForm(request.POST, request.FILES, user=user)
        status = HTTPStatus.BAD_REQUEST
        if form.is_valid():
            try:
                return redirect("web:labelled_set", form.submit().pk)
            except REFUSALS as refusal:
                form.add_error(None, str(refusal))
    context = {
        "form": form,
        "crops": CROP_CHOICES,
        "max_files": labelled_sets.MOST_IMAGES,
        "max_bytes": settings.MAX_UPLOAD_BYTES,
    }
    return render(request, "web/labelled_set_new.html", context, status=status)


@require_POST
def of_batch(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The reviews of a batch as labels."""
    batch = get_object_or_404(Batch.objects.visible_to(request.user), pk=pk)
    try:
        made = labelled_sets.set_of_reviews(person=cast(User, request.user), batch=batch)
    except REFUSALS as refusal:
        messages.error(request, str(refusal))
        return redirect("web:batch", pk)
    return redirect("web:labelled_set", made.pk)


@never_cache
@require_safe
def labelled_set(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Its classes to confirm; and, once they are, what models do on it."""
    found = _visible(request, pk)
    if not found.is_confirmed:
        return _naming(request, found)
    labels = found.images.class_counts()
    known = datasets()[found.dataset].labels
    models = TrainedModel.objects.choosable_by(request.user).filter(dataset=found.dataset)
    rows = found.validations.select_related("trained_model", "person")
    context = {
        **_frame(request, found),
        "counts": [(label, n, label in known) for label, n in labels.items()],
        "groups": found.images.exclude(group="").values("group").distinct().count(),
        "models": models.in_display_order(),
        "rows": [row_of(each) for each in rows],
        "running": rows.filter(finished_at=None).exists(),
        "doubtful": found.images.doubtful().count(),
        "size": sum(labels.values()),
        "outlook": adaptations.outlook(found),
        "most_images": adaptations.MOST_IMAGES,
        **_own_classes(found),
        "adaptations": [
            (each, each.figures.gain if each.figures else None)
            for each in found.adaptations.order_by("-created_at")
        ],
    }
    return render(request, "web/labelled_set.html", context)


def _own_classes(found: LabelledSet) -> dict[str, Any]:
    try:
        return {"own_classes": adaptations.own_classes_of(found), "own_obstacle": ""}
    except labelled_sets.SetRefused as refusal:
        return {"own_classes": (), "own_obstacle": str(refusal)}


def _naming(request: HttpRequest, found: LabelledSet) -> HttpResponse:
    known = datasets()[found.dataset]
    context = {
        **_frame(request, found),
        "names": labelled_sets.given_names(found),
        "no_class": labelled_sets.NO_CLASS,
        "levels": labelled_sets.folder_levels(found),
        "labels": known.labels,
        "size": found.images.count(),
        "grouped": found.images.exclude(group="").count(),
    }
    return render(request, "web/labelled_set_names.html", context)


def _frame(request: HttpRequest, found: LabelledSet) -> dict[str, Any]:
    role = found.role_of(request.user)
    is_staff = may(request.user, "change", LabelledSet)
    return {
        "labelled_set": found,
        "kind": datasets()[found.dataset],
        "may_change": is_staff or role in {Role.OWNER, Role.READER},
        "may_delete": is_staff or role == Role.OWNER,
    }


def _visible(request: HttpRequest, pk: uuid.UUID) -> LabelledSet:
    seen = LabelledSet.objects.visible_to(request.user).select_related("owner", "project")
    return get_object_or_404(seen, pk=pk)


@require_POST
def add(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Further files, or a table, of a plain form."""
    found, user = _visible(request, pk), cast(User, request.user)
    uploads = cast("list[UploadedFile]", request.FILES.getlist("files"))
    done(request, REFUSALS, lambda: add_to_set(user, found, uploads))
    return redirect("web:labelled_set", pk)


@require_POST
def folders(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Which folders name the class, and which the patient."""
    found, sent = _visible(request, pk), request.POST
    group, level = sent.get("group_level", ""), sent.get("class_level", "")
    person = cast(User, request.user)
    done(
        request,
        REFUSALS,
        lambda: labelled_sets.take_from_folders(
            person=person,
            labelled_set=found,
            class_level=int(level) if level.isdecimal() else 0,
            group_level=int(group) if group.isdecimal() else None,
        ),
    )
    return redirect("web:labelled_set", pk)


@require_POST
def table(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Classes and patients from a CSV file."""
    found, sent, person = _visible(request, pk), request.FILES.get("table"), request.user
    if sent is None:
        messages.error(request, "No table was chosen. Choose a CSV file.")
        return redirect("web:labelled_set", pk)

    def take() -> None:
        rows = read_table(sent.read())
        number = labelled_sets.take_from_table(
            person=cast(User, person), labelled_set=found, rows=rows
        )
        messages.success(request, f"The table named {number:,} images.")

    done(request, REFUSALS, take)
    return redirect("web:labelled_set", pk)


@require_POST
def confirm(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """What each name stands for."""
    found, person = _visible(request, pk), cast(User, request.user)
    names = dict(zip(request.POST.getlist("name"), request.POST.getlist("label"), strict=False))
    done(
        request,
        REFUSALS,
        lambda: labelled_sets.confirm(person=person, labelled_set=found, names=names),
        "The classes are confirmed. Choose models to measure.",
    )
    return redirect("web:labelled_set", pk)


@require_POST
def validate(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Measure the chosen models."""
    found, person = _visible(request, pk), cast(User, request.user)
    choosable = TrainedModel.objects.choosable_by(person)
    models = list(choosable.filter(slug__in=request.POST.getlist("model")))
    if not models:
        messages.error(request, "No model was chosen. Choose one or several.")
        return redirect("web:labelled_set", pk)
    if not done(
        request,
        REFUSALS,
        lambda: validations.validate(person=person, labelled_set=found, trained_models=models),
    ):
        return redirect("web:labelled_set", pk)
    if len(models) == 1:
        newest = found.validations.filter(trained_model=models[0]).latest("created_at")
        return redirect("web:validation", newest.pk)
    return redirect("web:labelled_set", pk)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def doubts(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Labels that may be wrong, one image at a time, each settled by one key."""
    found, person = _visible(request, pk), cast(User, request.user)
    if request.method == "POST":
        number = request.POST.get("image", "")
        keys = {"pk": number} if number.isdecimal() else {"pk": 0}
        image = get_object_or_404(found.images.select_related("labelled_set__project"), **keys)
        label = request.POST.get("label", "")
        done(
            request, REFUSALS, lambda: labelled_sets.settle(person=person, image=image, label=label)
        )
        return redirect(reverse("web:labelled_set_doubts", args=[pk]))
    waiting = found.images.doubtful().in_order().select_related("image")
    settled = found.images.exclude(settled_at=None)
    # Some images of the class that a doubtful one has, and of the one that it may be.
    shown = waiting.first()
    sure = found.images.filter(suspected_label="").in_order()
    labels = (shown.label, shown.suspected_label) if shown else ()
    examples = [(label, list(sure.filter(label=label)[:6])) for label in labels]
    context = {
        **_frame(request, found),
        "shown": shown,
        "left": waiting.count(),
        "settled": settled.count(),
        "others": sorted({*datasets()[found.dataset].labels, *found.images.class_counts()}),
        "examples": examples,
    }
    return render(request, "web/labelled_set_doubts.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = _visible(request, pk)
    if request.method != "POST":
        context = {
            **_frame(request, found),
            "size": found.images.count(),
            "made": own_models.made_from(cast(User, request.user), found.images.values("image")),
        }
        return render(request, "web/labelled_set_delete.html", context)
    person = cast(User, request.user)
    is_gone = done(
        request,
        REFUSALS,
        lambda: labelled_sets.delete_set(person=person, labelled_set=found),
        f"The set “{found}” was deleted, with its validations.",
    )
    return redirect("web:labelled_sets") if is_gone else redirect("web:labelled_set", pk)
