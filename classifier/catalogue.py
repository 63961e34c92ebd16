"""Keeps the TrainedModel rows in step with the bundles on disk."""

from django.conf import settings
from django.db import transaction

from classifier import registry
from classifier.models import TrainedModel


@transaction.atomic
def load_bundles() -> registry.Discovery:
    """Register every verified bundle; a model whose bundle is gone or broken is marked as such.

    What an administrator switched off stays off. Returns what was found, broken bundles included.
    """
    found = registry.discover(settings.MODELS_DIR)
    for bundle in found.bundles:
        TrainedModel.objects.update_or_create(
            slug=bundle.slug,
            defaults={
                "title": bundle.title,
                "version": bundle.version,
                "dataset": bundle.dataset.slug,
                "architecture": bundle.architecture,
                "sha256": bundle.sha256,
                "is_recommended": bundle.recommended,
                "is_installed": True,
                "metadata": bundle.metadata,
                "evaluation": bundle.evaluation,
            },
        )
    installed = [bundle.slug for bundle in found.bundles]
    TrainedModel.objects.exclude(slug__in=installed).update(is_installed=False)
    return found
