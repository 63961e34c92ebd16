"""Adapting a model to a labelled set: asked for, on its way, and what came of it."""

import uuid
from typing import Any, Final, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier import services
from classifier.adaptation.examples import NotEnough
from classifier.cards.adaptation import AdaptationView
from classifier.models import Adaptation, LabelledSet, Role, TrainedModel, may
from classifier.services import adaptations
from classifier.services.labelled_sets import SetRefused
from classifier.services.own_models import TooManyModels
from classifier.web.steps import done

REFUSALS: Final = (SetRefused, NotEnough, TooManyModels, services.NotAllowed)


@require_POST
def adapt(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Queue the chosen model for a set."""
    person = cast(User, request.user)
    labelled_set = get_object_or_404(LabelledSet.objects.visible_to(person), pk=pk)
    choosable = TrainedModel.objects.choosable_by(person)
    model = choosable.filter(slug=request.POST.get("model", "")).first()
    if model is None:
        messages.error(request, "No model was chosen. Choose the one to adapt.")
        return redirect("web:labelled_set", pk)
    try:
        made = adaptations.adapt(
            person=person,
            labelled_set=labelled_set,
            trained_model=model,
            title=request.POST.get("title", ""),
            own_classes="own" in request.POST,
            coverage=0.99 if request.POST.get("coverage") == "0.99" else 0.95,
        )
    except REFUSALS as refusal:
        messages.error(request, f"{refusal} Nothing was begun.")
        return redirect("web:labelled_set", pk)
    return redirect("web:adaptation", made.pk)


@never_cache
@require_safe
def adaptation(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """How far it is; then the figures, and what to do with the model."""
    found = _visible(request, pk)
    context: dict[str, Any] = {
        "adaptation": found,
        "model": found.adapted_model,
        "may_change": _may_change(request, found),
    }
    if found.adapted_model and (source := found.adapted_model.described.adapted_from):
        figures = found.figures
        context["found"] = figures and AdaptationView(
            source, figures, found.adapted_model.dataset_info
        )
    return render(request, "web/adaptation.html", context)


@never_cache
@require_safe
def status(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """How far it is, for the page that waits; the whole page again once it has ended."""
    found = _visible(request, pk)
    context = {"adaptation": found}
    answer = render(request, "web/partials/adaptation_progress.html", context)
    if found.is_finished:
        answer["HX-Refresh"] = "true"
    return answer


@require_POST
def again(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Try once more what failed."""
    found, person = _visible(request, pk), cast(User, request.user)
    done(request, REFUSALS, lambda: adaptations.try_again(person=person, adaptation=found))
    return redirect("web:adaptation", pk)


@require_POST
def use(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Let a model be chosen that was not proposed."""
    found, person = _visible(request, pk), cast(User, request.user)
    told = f"{found} can be chosen now, though it was not proposed."
    done(request, REFUSALS, lambda: adaptations.use_anyway(person=person, adaptation=found), told)
    return redirect("web:adaptation", pk)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found, person = _visible(request, pk), cast(User, request.user)
    if request.method != "POST":
        return render(request, "web/adaptation_delete.html", {"adaptation": found})
    is_gone = done(
        request,
        REFUSALS,
        lambda: adaptations.delete_adaptation(person=person, adaptation=found),
        f"“{found}” was deleted. The images that it came from are kept.",
    )
    if not is_gone:
        return redirect("web:adaptation", pk)
    return (
        redirect("web:labelled_set", found.labelled_set_id)
        if found.labelled_set_id
        else redirect("web:models")
    )


def _visible(request: HttpRequest, pk: uuid.UUID) -> Adaptation:
    seen = Adaptation.objects.visible_to(request.user).with_relations()
    return get_object_or_404(seen, pk=pk)


def _may_change(request: HttpRequest, found: Adaptation) -> bool:
    return found.role_of(request.user) == Role.OWNER or may(request.user, "change", Adaptation)
