"""The run side of imports: a worker checks a packed model, and registers it as one's own."""

import shutil
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from classifier import catalogue
from classifier.errors import PlainError
from classifier.inference import turns
from classifier.models import ModelImport, Status, TrainedModel

TOO_LONG: Final = "Checking this model took too long and was stopped. Nothing was taken."
UNREADABLE: Final = (
    "The file could not be read to its end, or there is no room to unpack it. Nothing was taken; "
    "send it again, or tell the administrator."
)
OTHER_WEIGHTS: Final = (
    "Results here name a model of this name and version with other weights. Nothing was taken: "
    "give it another name where it was made."
)


def run_turn(*, claim: str) -> bool:
    """Check the file that has waited longest; False where none waits."""
    ran = turns.run_turn(ModelImport.objects.all(), _take, claim=claim, too_long=TOO_LONG)
    if ran:
        waiting = ModelImport.objects.unfinished().values_list("pk", flat=True)
        catalogue.remove_leftovers("importing", waiting)
    return ran


def are_due() -> bool:
    return ModelImport.objects.all().is_due()


def give_up_exhausted() -> int:
    """End imports whose every attempt died with its worker; returns how many."""
    return turns.give_up_exhausted(ModelImport.objects.all())


def _take(row: ModelImport) -> None:
    # It loads TensorFlow, which the web process never does.
    from classifier.networks.taking import take_package

    folder = catalogue.work_folder("importing", row.pk)
    unpacked = folder / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    try:
        unpacked.mkdir()
        bundle = take_package(
            folder / "package.zip", unpacked, settings.ADAPTED_MODELS_DIR, settings.MODELS_DIR
        )
    except OSError as error:
        raise PlainError(UNREADABLE) from error
    known = TrainedModel.objects.filter(slug=bundle.slug, version=bundle.version)
    if known.exclude(sha256=bundle.sha256).exists():
        shutil.rmtree(bundle.path)
        raise PlainError(OTHER_WEIGHTS)
    with transaction.atomic():
        held = ModelImport.objects.held(row)
        if is_held := held.select_for_update().exists():
            model = catalogue.register(bundle, owner=row.owner, is_offered=False)
            held.update(status=Status.SUCCESS, trained_model=model, finished_at=timezone.now())
    if not is_held:
        shutil.rmtree(bundle.path, ignore_errors=True)
