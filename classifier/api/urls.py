"""Addresses under /api/."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from classifier.api import errors, views

app_name = "api"

router = SimpleRouter()
router.register("models", views.ModelViewSet, basename="model")
router.register("predictions", views.PredictionViewSet, basename="prediction")

urlpatterns = [
    path("v1/auth/token/", views.TokenView.as_view(), name="token"),
    path("v1/", include(router.urls)),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api:schema"), name="docs"),
    re_path(r"", errors.not_found),
]
