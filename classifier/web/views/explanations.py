"""Where in an image a model found what speaks for its answer."""

import hashlib
import uuid
from typing import cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from classifier import services
from classifier.models import Method, Prediction, Status
from classifier.quotas import QuotaExceeded
from classifier.services.explanations import obstacle
from classifier.web.colour_map import coloured
from classifier.web.explanations import panels
from classifier.web.views.images import ASK_EACH_TIME, tagged


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def explanation(request: HttpRequest, pk: uuid.UUID, method: str) -> HttpResponse:
    """One method's panel; POST asks for its map. `seen` is the status that was announced."""
    found, chosen, person = _visible(request, pk), _known(method), cast(User, request.user)
    refusal = ""
    if request.method == "POST":
        try:
            services.explain(asked_by=person, prediction=found, method=chosen)
        except (services.NotAllowed, services.ExplanationRefused, QuotaExceeded) as error:
            refusal = str(error)
    if not request.headers.get("HX-Request"):
        if refusal:
            messages.error(request, refusal)
        return redirect(f"{found.get_absolute_url()}#explanation-{method}")
    panel = next((each for each in panels(found, person) if each.method == chosen), None)
    if panel is None:
        raise Http404("There is no result yet.")
    status = panel.explanation.status if panel.explanation else ""
    has_changed = request.GET.get("seen", "") != status
    context = {"panel": panel, "refusal": refusal, "has_changed": has_changed}
    return render(request, "web/partials/explanation_response.html", context)


@require_safe
def picture(request: HttpRequest, pk: uuid.UUID, method: str) -> HttpResponseBase:
    """The map in colour, while its method still passes its check for the model."""
    found = _visible(request, pk)
    done = found.explanations.filter(status=Status.SUCCESS)
    explained = get_object_or_404(done, method=_known(method))
    if obstacle(found, _known(method)):
        raise Http404("This map is not shown.")
    data = coloured(bytes(explained.map or b""))
    tag = hashlib.sha256(data).hexdigest()[:32]
    return tagged(request, HttpResponse(data, "image/png"), tag, ASK_EACH_TIME)


def _known(method: str) -> Method:
    if method not in Method.values:
        raise Http404("There is no such method.")
    return Method(method)


def _visible(request: HttpRequest, pk: uuid.UUID) -> Prediction:
    predictions = Prediction.objects.visible_to(request.user).with_relations()
    return get_object_or_404(predictions, pk=pk)
