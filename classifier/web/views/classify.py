"""Choosing an image and a model, and sending them off."""

from typing import Any, Final, cast

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from classifier import quotas, services
from classifier.models import ALL_CROPS, Prediction, TrainedModel
from classifier.synthetic.samples import samples
from classifier.web.forms import ClassifyForm
from classifier.web.model_cards import model_groups
from classifier.web.possible_classes import OWN_LABELS
from classifier.web.previews import Preview

# Most results are there by then, and the page that follows shows them at once; it polls otherwise.
PATIENCE_SECONDS: Final = 1.0


class HtmxRequest(HttpRequest):
    """A request as HtmxMiddleware leaves it."""

    htmx: HtmxDetails


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def classify(request: HtmxRequest) -> HttpResponseBase:
    if request.method != "POST":
        form = ClassifyForm(_asked_for(request), user=_user(request), require_image=False)
        return render(request, "web/classify.html", _page(form, form.preview()))
    if too_many := _too_many_requests(request):
        return _refuse(request, too_many)
    form = ClassifyForm(request.POST, request.FILES, user=_user(request))
    prediction = form.submit() if form.is_valid() else None
    if prediction:
        queued = Prediction.objects.filter(pk=prediction.pk)
        services.wait_until_finished(queued, seconds=PATIENCE_SECONDS)
        url = prediction.get_absolute_url()
        return HttpResponseClientRedirect(url) if request.htmx else redirect(url)
    return _refuse(request, form)


@never_cache
@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """What was chosen and what the model would see of it; stores nothing."""
    if too_many := _too_many_requests(request):
        return render(request, "web/partials/errors.html", {"form": too_many}, status=429)
    form = ClassifyForm(request.POST, request.FILES, user=_user(request), require_image=False)
    context = {"preview": form.preview(), "form": form}
    status = 200 if form.is_valid() else form.status
    return render(request, "web/partials/preview_response.html", context, status=status)


def _too_many_requests(request: HttpRequest) -> ClassifyForm | None:
    """Counts this one. Beyond the limit, an empty form that says so: what was sent is not read."""
    try:
        quotas.count_request(_user(request))
    except quotas.QuotaExceeded as exceeded:
        form = ClassifyForm(_asked_for(request), user=_user(request), require_image=False)
        form.full_clean()
        form.refuse(exceeded.message)
        return form
    return None


def _refuse(request: HtmxRequest, form: ClassifyForm) -> HttpResponse:
    """With htmx only the messages are sent, so that the chosen file stays chosen."""
    if request.htmx:
        return render(request, "web/partials/errors.html", {"form": form}, status=form.status)
    return render(request, "web/classify.html", _page(form, form.preview()), status=form.status)


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)


def _asked_for(request: HttpRequest) -> dict[str, Any]:
    """The choices that the address makes; the model that fits best unless it names one."""
    default = _fitting_model(request)
    return {
        "sample": request.GET.get("sample", ""),
        "stored_image": request.GET.get("image", ""),
        "model": request.GET.get("model") or (default.slug if default else ""),
        "crop": request.GET.get("crop", ""),
        **{name: request.GET.get(name, "") for name in ("box_left", "box_upper", "box_side")},
        "possible": OWN_LABELS if request.GET.get("labels") else request.GET.get("possible", ""),
        "labels": request.GET.getlist("labels"),
    }


def _fitting_model(request: HttpRequest) -> TrainedModel | None:
    """The first recommended model for the kind of the sample, or of the model used before.

    The latter comes last, since another one is asked for. Instead of a model that can refuse an
    image, none is proposed that would answer whatever it is shown.
    """
    models = TrainedModel.objects.choosable_by(request.user)
    # Compared here, since not every database takes what may stand in an address.
    slug = request.GET.get("instead_of")
    registered = TrainedModel.objects.visible_to(request.user) if slug else ()
    used = next((model for model in registered if model.slug == slug), None)
    sample = next((s for s in samples() if s.slug == request.GET.get("sample")), None)
    if kind := sample or used:
        models = models.filter(dataset=kind.dataset)
    ordered = models.order_by("-is_recommended", "dataset", "title")
    refuses = used is not None and used.has_limits
    candidates = [model for model in ordered if not refuses or model.has_limits]
    others = [model for model in candidates if model != used]
    return next(iter(others or candidates), None)


def _corner(form: ClassifyForm, preview: Preview | None) -> list[tuple[str, str, int, Any]]:
    """The numbers of the box: name, title, least and value; those of the box that is shown."""
    values: list[Any] = [
        form.cleaned_data.get(name) for name in ("box_left", "box_upper", "box_side")
    ]
    if preview and preview.box:
        values = [*preview.box[:2], preview.side]
    return [
        ("box_left", "From the left", 0, values[0]),
        ("box_upper", "From the top", 0, values[1]),
        ("box_side", "Side", 1, values[2]),
    ]


def _page(form: ClassifyForm, preview: Preview | None) -> dict[str, Any]:
    """The page for a form whose choices were checked, with the preview of them."""
    groups = model_groups(TrainedModel.objects.choosable_by(form.user).in_display_order())
    kinds = {group.dataset.slug for group in groups}
    return {
        "form": form,
        "preview": preview,
        "groups": groups,
        "chosen": form.cleaned_data.get("model"),
        "crops": ALL_CROPS,
        "corner": _corner(form, preview),
        "samples": [sample for sample in samples() if sample.dataset in kinds],
    }
