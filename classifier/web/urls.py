"""Addresses of the pages."""

from django.urls import path

from classifier.web.views import classify, images, models, predictions, programs, site

app_name = "web"

urlpatterns = [
    path("", site.landing, name="landing"),
    path("favicon.ico", site.favicon, name="favicon"),
    path("healthz", site.healthz, name="healthz"),
    path("classify/", classify.classify, name="classify"),
    path("classify/preview/", classify.preview, name="preview"),
    path("predictions/", predictions.history, name="history"),
    path("predictions/trash/", predictions.trash, name="trash"),
    path("predictions/<uuid:pk>/", predictions.prediction, name="prediction"),
    path("predictions/<uuid:pk>/status/", predictions.status, name="prediction_status"),
    path("predictions/<uuid:pk>/retry/", predictions.retry, name="retry"),
    path("predictions/<uuid:pk>/delete/", predictions.delete, name="delete"),
    path("predictions/<uuid:pk>/model-view.png", images.model_view, name="model_view"),
    path("images/<uuid:pk>/image.png", images.image, name="image"),
    path("images/<uuid:pk>/thumbnail.png", images.thumbnail, name="thumbnail"),
    path("samples/<slug:slug>.png", images.sample, name="sample"),
    path("samples/<slug:slug>/thumbnail.png", images.sample_thumbnail, name="sample_thumbnail"),
    path("models/", models.models, name="models"),
    path("models/<slug:slug>/", models.model, name="model"),
    path("account/tokens/", programs.tokens, name="tokens"),
    path("account/tokens/<int:pk>/revoke/", programs.revoke, name="revoke"),
    path("guide/", programs.guide, name="guide"),
]
