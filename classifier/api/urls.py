"""Addresses under /api/."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.routers import SimpleRouter

from classifier.api import documentation, errors
from classifier.api.views import (
    accounts,
    adaptations,
    batch_figures,
    batch_life,
    batches,
    explanations,
    images,
    labelled_sets,
    models,
    predictions,
    projects,
    readings,
    reviews,
    searches,
    trash,
    watching,
    webhooks,
)

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

version_1 = [
    *router.urls,
    path("auth/token/", accounts.TokenView.as_view(), name="auth-token"),
    path("me/", accounts.MeView.as_view(), name="me"),
    path("batches/<uuid:pk>/results.csv", results_csv, name="batch-results-csv"),
    path("batches/<uuid:pk>/results.json", results_json, name="batch-results-json"),
    path("batches/<uuid:pk>/images/", batch_life.BatchImagesView.as_view(), name="batch-images"),
    path("batches/<uuid:pk>/close/", batch_life.CloseView.as_view(), name="batch-close"),
    path("batches/<uuid:pk>/groups/", batch_life.GroupsView.as_view(), name="batch-groups"),
    path("batches/<uuid:pk>/changes/", batch_life.ChangesView.as_view(), name="batch-changes"),
    path(
        "batches/<uuid:pk>/differential/",
        batch_figures.DifferentialView.as_view(),
        name="batch-differential",
    ),
    path(
        "batches/<uuid:pk>/agreement/",
        batch_figures.AgreementView.as_view(),
        name="batch-agreement",
    ),
    path("batches/<uuid:pk>/sign/", batch_life.SignView.as_view(), name="batch-sign"),
    path("batches/<uuid:pk>/reopen/", batch_life.ReopenView.as_view(), name="batch-reopen"),
    path("batches/<uuid:pk>/sign-offs/", batch_life.SignOffsView.as_view(), name="batch-sign-offs"),
    path(
        "batches/<uuid:pk>/assignments/",
        readings.AssignmentsView.as_view(),
        name="batch-assignments",
    ),
    path("assignments/<uuid:pk>/", readings.AssignmentView.as_view(), name="assignment"),
    path("readings/", readings.ReadingsView.as_view(), name="readings"),
    path("readings/<uuid:pk>/", readings.ReadingView.as_view(), name="reading"),
    path(
        "predictions/<uuid:pk>/reviews/",
        reviews.PredictionReviewsView.as_view(),
        name="prediction-reviews",
    ),
    path(
        "predictions/<uuid:pk>/explanations/",
        explanations.ExplanationsView.as_view(),
        name="explanations",
    ),
    path(
        "predictions/<uuid:pk>/explanations/<slug:method>/",
        explanations.ExplanationView.as_view(),
        name="explanation",
    ),
    path(
        "predictions/<uuid:pk>/explanations/<slug:method>/map/",
        explanations.ExplanationMapView.as_view(),
        name="explanation-map",
    ),
    path("predictions/facets/", searches.FacetsView.as_view(), name="facets"),
    path("predictions/groups/", searches.SearchGroupsView.as_view(), name="groups"),
    path("predictions/export.csv", searches.CsvExportView.as_view(), name="export-csv"),
    path("predictions/export.json", searches.JsonExportView.as_view(), name="export-json"),
    path("predictions/export.zip", searches.ZipExportView.as_view(), name="export-zip"),
    path("predictions/run-again/", searches.RunAgainView.as_view(), name="run-again"),
    path("reviews/", reviews.ReviewsView.as_view(), name="reviews"),
    path("reviews/undo/", reviews.UndoView.as_view(), name="undo"),
    path("reviews/redo/", reviews.RedoView.as_view(), name="redo"),
    path("trash/", trash.TrashView.as_view(), name="trash"),
    path("trash/restore/", trash.RestoreView.as_view(), name="restore"),
    path("views/", searches.SavedViewsView.as_view(), name="views"),
    path("views/<int:pk>/", searches.SavedViewView.as_view(), name="view"),
    path("projects/", projects.ProjectsView.as_view(), name="projects"),
    path("projects/<uuid:pk>/", projects.OneProjectView.as_view(), name="project"),
    path(
        "projects/<uuid:pk>/members/<str:username>/",
        projects.MemberView.as_view(),
        name="project-member",
    ),
    path("labelled-sets/", labelled_sets.SetsView.as_view(), name="labelled-sets"),
    path("labelled-sets/<uuid:pk>/", labelled_sets.OneSetView.as_view(), name="labelled-set"),
    path(
        "labelled-sets/<uuid:pk>/images/",
        labelled_sets.SetImagesView.as_view(),
        name="labelled-set-images",
    ),
    path(
        "labelled-sets/<uuid:pk>/table/",
        labelled_sets.SetTableView.as_view(),
        name="labelled-set-table",
    ),
    path(
        "labelled-sets/<uuid:pk>/confirm/",
        labelled_sets.SetConfirmView.as_view(),
        name="labelled-set-confirm",
    ),
    path(
        "labelled-sets/<uuid:pk>/doubts/",
        labelled_sets.SetDoubtsView.as_view(),
        name="labelled-set-doubts",
    ),
    path(
        "labelled-sets/<uuid:pk>/labels/<int:number>/",
        labelled_sets.SetLabelView.as_view(),
        name="labelled-set-label",
    ),
    path("validations/", labelled_sets.ValidationsView.as_view(), name="validations"),
    path("validations/<uuid:pk>/", labelled_sets.OneValidationView.as_view(), name="validation"),
    path(
        "validations/<uuid:pk>/again/",
        labelled_sets.ValidationAgainView.as_view(),
        name="validation-again",
    ),
    path(
        "validations/<uuid:pk>/report.json",
        labelled_sets.ValidationReportView.as_view(),
        name="validation-report",
    ),
    path(
        "validations/<uuid:pk>/report.html",
        labelled_sets.ValidationPageView.as_view(),
        name="validation-page",
    ),
    path("watches/", watching.WatchesView.as_view(), name="watches"),
    path("watches/<uuid:pk>/", watching.OneWatchView.as_view(), name="watch"),
    path("watches/<uuid:pk>/seen/", watching.WatchSeenView.as_view(), name="watch-seen"),
    path("watches/<uuid:pk>/begin-anew/", watching.WatchAnewView.as_view(), name="watch-anew"),
    path("webhooks/", webhooks.WebhooksView.as_view(), name="webhooks"),
    path("webhooks/<int:pk>/", webhooks.OneWebhookView.as_view(), name="webhook"),
    path("webhooks/<int:pk>/rotate/", webhooks.RotateView.as_view(), name="webhook-rotate"),
    path(
        "webhooks/<int:pk>/deliveries/",
        webhooks.DeliveriesView.as_view(),
        name="webhook-deliveries",
    ),
    path(
        "webhooks/<int:pk>/deliveries/<uuid:delivery>/send-again/",
        webhooks.SendAgainView.as_view(),
        name="webhook-send-again",
    ),
    path("images/<uuid:pk>/", images.ImageView.as_view(), name="image"),
    path("images/<uuid:pk>/model-view/", images.ImageModelView.as_view(), name="image-model-view"),
    path("adaptations/", adaptations.AdaptationsView.as_view(), name="adaptations"),
    path("adaptations/<uuid:pk>/", adaptations.OneAdaptationView.as_view(), name="adaptation"),
    path(
        "adaptations/<uuid:pk>/again/",
        adaptations.AdaptationAgainView.as_view(),
        name="adaptation-again",
    ),
    path(
        "adaptations/<uuid:pk>/use/", adaptations.AdaptationUseView.as_view(), name="adaptation-use"
    ),
    path("model-imports/", adaptations.ModelImportsView.as_view(), name="model-imports"),
    path("model-imports/<uuid:pk>/", adaptations.OneModelImportView.as_view(), name="model-import"),
    path(
        "models/<slug:slug>/package.zip",
        adaptations.ModelPackageView.as_view(),
        name="model-package",
    ),
    *models_router.urls,
]

urlpatterns = [
    path("v1/", include(version_1)),
    path("schema/", schema, name="schema"),
    path("docs/", documentation.page, name="docs"),
    re_path(r"", errors.not_found),
]
