"""What is watched: models in use, windows of their answers, alarms and the images behind them."""

import uuid
from typing import Final, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from classifier.models import Prediction, Role, Watch, WatchLook, may
from classifier.services import NotAllowed, watching
from classifier.statistics.watching import FALSE_ALARMS, FIGURES

WATCHES_SHOWN, LOOKS_SHOWN, IMAGES_SHOWN = 100, 50, 100
REFUSALS: Final = (NotAllowed,)


@never_cache
@require_safe
def watches(request: HttpRequest) -> HttpResponse:
    """One's own and those of one's projects, those with alarms first."""
    found = Watch.objects.visible_to(request.user).with_relations()
    counted = found.annotate(
        windows=Count("looks"),
        unseen=Count("looks", Q(looks__is_alarm=True, looks__seen_at__isnull=True)),
    )
    rows = counted.order_by("-unseen", "-looked_at")[:WATCHES_SHOWN]
    return render(request, "web/watches.html", {"watches": rows, "rate": FALSE_ALARMS})


@never_cache
@require_safe
def watch(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = _visible(request, pk)
    looks = list(found.looks.all()[:LOOKS_SHOWN])
    context = {
        "watch": found,
        "progress": watching.progress(found),
        "alarms": [look for look in looks if look.is_alarm],
        "looks": looks,
        "agreement": watching.agreement(found),
        "may_change": found.role_of(request.user) in {Role.OWNER, Role.READER}
        or may(request.user, "change", Watch),
        "rate": FALSE_ALARMS,
        "each": FALSE_ALARMS / len(FIGURES),
    }
    return render(request, "web/watch.html", context)


@never_cache
@require_safe
def images(request: HttpRequest, pk: uuid.UUID, look: uuid.UUID) -> HttpResponse:
    """The images of a window that one may see, the least certain first."""
    found = _visible(request, pk)
    window = get_object_or_404(WatchLook, pk=look, watch=found)
    visible = Prediction.objects.visible_to(request.user)
    seen = window.predictions().filter(pk__in=visible.order_by().values("pk"))
    rows = seen.select_related("image").order_by("confidence", "pk")[:IMAGES_SHOWN]
    context = {"watch": found, "look": window, "rows": rows, "shown": IMAGES_SHOWN}
    return render(request, "web/watch_images.html", context)


@require_POST
def seen(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """All alarms of a watch were seen."""
    found = _visible(request, pk)
    try:
        watching.seen(person=cast(User, request.user), watch=found)
    except REFUSALS as refusal:
        messages.error(request, str(refusal))
    return redirect("web:watch", pk)


@require_POST
def begin_anew(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = _visible(request, pk)
    try:
        watching.begin_anew(person=cast(User, request.user), watch=found)
    except REFUSALS as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "What comes from now on is the reference period.")
    return redirect("web:watch", pk)


def _visible(request: HttpRequest, pk: uuid.UUID) -> Watch:
    return get_object_or_404(Watch.objects.visible_to(request.user).with_relations(), pk=pk)
