"""The landing page and the health check: open to everyone."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from classifier.datasets import datasets
from classifier.web import health

# Drawn by classifier.synthetic once and kept as files: this page is open to everyone, and cheap.
TILES = [
    f"img/{name}.webp"
    for name in ("neutrophil", "lymphocyte", "eosinophil", "monocyte", "platelet", "lesion")
]


@require_safe
@login_not_required
def landing(request: HttpRequest) -> HttpResponse:
    context = {"datasets": datasets().values(), "tiles": TILES}
    return render(request, "web/landing.html", context)


@require_safe
@login_not_required
def favicon(request: HttpRequest) -> HttpResponse:
    """For pages that name no icon, such as the admin's."""
    return redirect(static("favicon.svg"))


@require_safe
@never_cache
@login_not_required
def healthz(request: HttpRequest) -> JsonResponse:
    checks = health.check()
    healthy = all(state == health.OK for state in checks.values())
    status = "ok" if healthy else "unavailable"
    return JsonResponse({"status": status, "checks": checks}, status=200 if healthy else 503)
