"""Takes a model that another installation packed, whole or not at all."""

from pathlib import Path

from classifier.bundles.packing import PackageError, unpack
from classifier.bundles.registry import Bundle, load_bundle
from classifier.networks.checks import network_problems


def take_package(package: Path, folder: Path, models_dir: Path, shipped_dir: Path) -> Bundle:
    """Unpack and verify in a folder beside the other bundles, and then move to them.

    Nothing that is in the file is run. Raises PackageError and BundleError, and OSError.
    """
    bundle = load_bundle(unpack(package, folder))
    if any((place / bundle.slug).exists() for place in (models_dir, shipped_dir)):
        raise PackageError(f"There is a model named {bundle.slug} already. Nothing was taken.")
    if problems := network_problems(bundle):
        raise PackageError(f"Nothing was taken: {' '.join(problems)}")
    bundle.path.rename(models_dir / bundle.slug)
    return Bundle(models_dir / bundle.slug, bundle.metadata, bundle.evaluation)
