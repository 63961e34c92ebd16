"""Takes a model that another installation packed, whole or not at all."""

from pathlib import Path

from classifier.bundles.packing import DATASET_FILE, PackageError, unpack
from classifier.bundles.registry import Bundle, load_bundle
from classifier.datasets.own import own_dataset_path, take_own_dataset
from classifier.networks.checks import network_problems


def take_package(package: Path, folder: Path, models_dir: Path, shipped_dir: Path) -> Bundle:
    """Unpack and verify in a folder beside the other bundles, and then move to them.

    Nothing that is in the file is run. Raises PackageError, BundleError, DatasetError and OSError.
    """
    unpacked = unpack(package, folder)
    described = unpacked / DATASET_FILE
    dataset = take_own_dataset(described) if described.exists() else None
    try:
        return _take_bundle(unpacked, models_dir, shipped_dir)
    except BaseException:
        if dataset:
            own_dataset_path(dataset.slug).unlink(missing_ok=True)
        raise


def _take_bundle(unpacked: Path, models_dir: Path, shipped_dir: Path) -> Bundle:
    bundle = load_bundle(unpacked)
    if any((place / bundle.slug).exists() for place in (models_dir, shipped_dir)):
        raise PackageError(f"There is a model named {bundle.slug} already. Nothing was taken.")
    if problems := network_problems(bundle):
        raise PackageError(f"Nothing was taken: {' '.join(problems)}")
    bundle.path.rename(models_dir / bundle.slug)
    return Bundle(models_dir / bundle.slug, bundle.metadata, bundle.evaluation)
