"""Addresses under /api/."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.routers import SimpleRouter

from classifier.api import errors
from classifier.api.views import accounts, batches, images, models, predictions

app_name = "api"

models_router = SimpleRouter()
models_router.register("models", models.ModelViewSet, basename="model")

router = SimpleRouter(use_regex_path=False)
router.register("tokens", accounts.TokenViewSet, basename="token")
router.register("predictions", predictions.PredictionViewSet, basename="prediction")
router.register("batches", batches.BatchViewSet, basename="batch")

results_csv = batches.BatchViewSet.as_view({"get": "results_csv"})
results_json = batches.BatchViewSet.as_view({"get": "results_json"})
# It comes as YAML or JSON, by Accept or ?format=.
schema = SpectacularAPIView.as_view(content_negotiation_class=DefaultContentNegotiation)
# OPTIONS would be answered with a page, and there is no template for one.
docs = SpectacularSwaggerSplitView.as_view(url_name="api:schema", http_method_names=["get", "head"])

version_1 = [
    path("auth/token/", accounts.TokenView.as_view(), name="auth-token"),
    path("me/", accounts.MeView.as_view(), name="me"),
    path("batches/<uuid:pk>/results.csv", results_csv, name="batch-results-csv"),
    path("batches/<uuid:pk>/results.json", results_json, name="batch-results-json"),
    path("images/<uuid:pk>/", images.ImageView.as_view(), name="image"),
    path("images/<uuid:pk>/model-view/", images.ImageModelView.as_view(), name="image-model-view"),
    *models_router.urls,
    *router.urls,
]

urlpatterns = [
    path("v1/", include(version_1)),
    path("schema/", schema, name="schema"),
    path("docs/", docs, name="docs"),
    re_path(r"", errors.not_found),
]
