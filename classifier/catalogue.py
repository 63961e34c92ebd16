"""Keeps the TrainedModel rows in step with the bundles on disk."""

from collections.abc import Iterable, Iterator

from django.conf import settings
from django.db import transaction

from classifier.bundles import registry
from classifier.models import ModelVersion, TrainedModel


@transaction.atomic
def load_bundles() -> registry.Discovery:
    """Register every verified bundle; a model whose bundle is gone or broken is marked as such.

    What an administrator switched off stays off, and what they made the default stays that.
    Returns what was found, broken bundles included.
    """
    found = _without_conflicts(registry.discover(settings.MODELS_DIR))
    for bundle in found.bundles:
        evaluation = bundle.evaluation.as_json() if bundle.evaluation else None
        model, _ = TrainedModel.objects.update_or_create(
            slug=bundle.slug,
            defaults={
                "title": bundle.metadata.title,
                "version": bundle.version,
                "dataset": bundle.dataset.slug,
                "architecture": bundle.metadata.architecture,
                "sha256": bundle.sha256,
                "is_recommended": bundle.metadata.recommended,
                "is_installed": True,
                "metadata": bundle.metadata.as_json(),
                "evaluation": evaluation,
            },
        )
        ModelVersion.objects.update_or_create(
            trained_model=model,
            version=bundle.version,
            defaults={"sha256": bundle.sha256, "evaluation": evaluation},
        )
    installed = [bundle.slug for bundle in found.bundles]
    for gone in TrainedModel.objects.filter(is_installed=True).exclude(slug__in=installed):
        gone.is_installed = False
        gone.save(update_fields=["is_installed"])
    TrainedModel.objects.recommend_chosen()
    return found


def _without_conflicts(found: registry.Discovery) -> registry.Discovery:
    conflicts = tuple(_conflicts(found.bundles))
    refused = {error.slug for error in conflicts}
    sound = tuple(bundle for bundle in found.bundles if bundle.slug not in refused)
    return registry.Discovery(sound, found.errors + conflicts)


def _conflicts(bundles: Iterable[registry.Bundle]) -> Iterator[registry.BundleError]:
    """Name bundles with other weights than are registered here under the same version.

    A prediction keeps the version of its model, which must go on to mean the weights that made it.
    """
    registered = {model.slug: model for model in TrainedModel.objects.all()}
    for bundle in bundles:
        model = registered.get(bundle.slug)
        if model and model.version == bundle.version and model.sha256 != bundle.sha256:
            problem = (
                f"Version {model.version} is registered here with other weights (SHA-256 "
                f"{model.sha256}): raise the version to {model.version + 1}."
            )
            yield registry.BundleError(bundle.slug, [problem])
