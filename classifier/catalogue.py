"""Keeps the TrainedModel rows in step with the bundles on disk."""

import re
import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from classifier.bundles import registry
from classifier.models import ModelVersion, TrainedModel

WORK_FOLDER: Final = re.compile(r"\.[a-z]+-[0-9a-f]{32}")


def bundle_path(slug: str) -> Path:
    """The folder of the bundle of a model, shipped or made here; whether it exists or not."""
    made_here: Path = settings.ADAPTED_MODELS_DIR / slug
    return made_here if made_here.exists() else settings.MODELS_DIR / slug


def work_folder(what: str, key: uuid.UUID) -> Path:
    """Where something that becomes a bundle lies meanwhile, beside the others and unseen.

    Args:
        what: "adapting" or "importing".
    """
    folder: Path = settings.ADAPTED_MODELS_DIR / f".{what}-{key.hex}"
    return folder


def remove_leftovers(what: str, waiting: Iterable[uuid.UUID]) -> None:
    """Remove such folders, but those of what still waits."""
    kept = {work_folder(what, key) for key in waiting}
    for path in Path(settings.ADAPTED_MODELS_DIR).glob(f".{what}-*"):
        if WORK_FOLDER.fullmatch(path.name) and path not in kept:
            shutil.rmtree(path, ignore_errors=True)


@transaction.atomic
def load_bundles() -> registry.Discovery:
    """Register every verified bundle; a model whose bundle is gone or broken is marked as such.

    What an administrator switched off or offered stays so, and what they made the default stays
    that. Returns what was found, broken bundles included.
    """
    discovered = _discovered()
    conflicts = tuple(_conflicts(discovered.bundles))
    refused = {error.slug for error in conflicts}
    sound = tuple(bundle for bundle in discovered.bundles if bundle.slug not in refused)
    found = registry.Discovery(sound, discovered.errors + conflicts)
    for bundle in found.bundles:
        register(bundle)
    installed = [bundle.slug for bundle in found.bundles]
    for gone in TrainedModel.objects.filter(is_installed=True).exclude(slug__in=installed):
        gone.is_installed = False
        gone.save(update_fields=["is_installed"])
    TrainedModel.objects.recommend_chosen()
    return found


@transaction.atomic
def register(bundle: registry.Bundle, **switches: Any) -> TrainedModel:
    """The row of a verified bundle, made or brought in step; `switches` are set as they are given.

    A bundle that was made here is private until an administrator offers it to all.
    """
    described = {**columns(bundle), "is_installed": True, **switches}
    is_offered = bundle.metadata.adapted_from is None
    model, _ = TrainedModel.objects.update_or_create(
        slug=bundle.slug,
        defaults=described,
        create_defaults={"is_offered": is_offered, **described},
    )
    ModelVersion.objects.update_or_create(
        trained_model=model,
        version=bundle.version,
        defaults={"sha256": bundle.sha256, "evaluation": model.evaluation},
    )
    return model


def columns(bundle: registry.Bundle) -> dict[str, Any]:
    """What the row of a bundle says of it, beside its slug."""
    return {
        "title": bundle.metadata.title,
        "version": bundle.version,
        "dataset": bundle.dataset.slug,
        "architecture": bundle.metadata.architecture,
        "sha256": bundle.sha256,
        "is_recommended": bundle.metadata.recommended,
        "metadata": bundle.metadata.as_json(),
        "evaluation": bundle.evaluation.as_json() if bundle.evaluation else None,
    }


def _discovered() -> registry.Discovery:
    """Shipped bundles and those made here; of two of one name the shipped one."""
    shipped = registry.discover(settings.MODELS_DIR)
    made_here = registry.discover(settings.ADAPTED_MODELS_DIR)
    twice = tuple(
        registry.BundleError(slug, [f"{settings.MODELS_DIR} has a bundle of this name as well."])
        for slug in made_here.slugs
        if slug in shipped.slugs
    )
    added = tuple(bundle for bundle in made_here.bundles if bundle.slug not in shipped.slugs)
    return registry.Discovery(shipped.bundles + added, shipped.errors + made_here.errors + twice)


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
