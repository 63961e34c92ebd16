"""Addresses of the pages."""

from django.urls import path

from classifier.web.views import (
    batch_figures,
    classify,
    gallery,
    images,
    models,
    predictions,
    programs,
    readings,
    sign_off,
    site,
)

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
    path("batches/<uuid:pk>/", gallery.batch, name="batch"),
    path("batches/<uuid:pk>/list/", gallery.batch_list, name="batch_list"),
    path("batches/<uuid:pk>/rows/", gallery.batch_rows, name="batch_rows"),
    path("batches/<uuid:pk>/changes/", gallery.batch_changes, name="batch_changes"),
    path("batches/<uuid:pk>/differential/", batch_figures.differential, name="batch_differential"),
    path("batches/<uuid:pk>/agreement/", batch_figures.agreement, name="batch_agreement"),
    path("batches/<uuid:pk>/sign/", sign_off.sign, name="batch_sign"),
    path("batches/<uuid:pk>/reopen/", sign_off.reopen, name="batch_reopen"),
    path("batches/<uuid:pk>/close/", sign_off.close, name="batch_close"),
    path("readings/", readings.readings, name="readings"),
    path("readings/<uuid:pk>/", readings.reading, name="reading"),
    path("gallery/", gallery.found, name="gallery"),
    path("gallery/list/", gallery.found_list, name="gallery_list"),
    path("gallery/rows/", gallery.found_rows, name="gallery_rows"),
    path("samples/<slug:slug>.png", images.sample, name="sample"),
    path("samples/<slug:slug>/thumbnail.png", images.sample_thumbnail, name="sample_thumbnail"),
    path("models/", models.models, name="models"),
    path("models/<slug:slug>/", models.model, name="model"),
    path("account/tokens/", programs.tokens, name="tokens"),
    path("account/tokens/<int:pk>/revoke/", programs.revoke, name="revoke"),
    path("guide/", programs.guide, name="guide"),
]
