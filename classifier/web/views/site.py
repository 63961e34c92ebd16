"""The landing page, open to everyone, and what machines ask for."""

import ipaddress
import secrets
from typing import Final

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from classifier.datasets import shipped_datasets
from classifier.metrics import exposition
from classifier.web import health

FORBIDDEN: Final = (
    "Set METRICS_TOKEN and send it as Authorization: Bearer <token>, or ask from this machine.\n"
)
# Drawn by classifier.synthetic once and kept as files: this page is open to everyone, and cheap.
TILES = [
    f"img/{name}.webp"
    for name in ("neutrophil", "lymphocyte", "eosinophil", "monocyte", "platelet", "lesion")
]


@require_safe
@login_not_required
def landing(request: HttpRequest) -> HttpResponse:
    context = {"datasets": shipped_datasets().values(), "tiles": TILES}
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


@require_safe
@never_cache
@login_not_required
def livez(request: HttpRequest) -> JsonResponse:
    """That this process answers. Whether results can be had, `healthz` says."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    if not may_scrape(request):
        return HttpResponse(FORBIDDEN, content_type="text/plain", status=403)
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def may_scrape(request: HttpRequest) -> bool:
    """Who has the token; where none is set, this machine, but no proxy that runs on it."""
    if settings.METRICS_TOKEN:
        sent = request.headers.get("Authorization", "").encode()
        return secrets.compare_digest(sent, f"Bearer {settings.METRICS_TOKEN}".encode())
    if {"X-Forwarded-For", "Forwarded", "Via"} & set(request.headers):
        return False
    try:
        return ipaddress.ip_address(request.META["REMOTE_ADDR"]).is_loopback
    except ValueError:
        return False
